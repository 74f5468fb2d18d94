package loadgen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// IO is all that the generator has of its process.
type IO struct {
	Stdout, Stderr io.Writer
	Environ        func() []string // as os.Environ; nil for an empty environment
	Dir            string          // relative paths start here; empty: the current directory
	// Hard, when closed, ends the generator without teardown, summary or flush.
	Hard    <-chan struct{}
	Version string // of the program, for the user agent and the version command
}

// Signals returns a context that the first SIGINT or SIGTERM cancels, and a
// channel that the second one closes: the arguments of Command. stop frees both.
func Signals(parent context.Context) (ctx context.Context, hard <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals, second, done := make(chan os.Signal, 2), make(chan struct{}), make(chan struct{})
	ended := make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer close(ended)
		for n := 0; n < 2; n++ {
			select {
			case <-done:
				return
			case <-signals:
				if cancel(); n == 1 {
					close(second)
				}
			}
		}
	}()
	return ctx, second, func() {
		signal.Stop(signals)
		close(done)
		<-ended
		cancel()
	}
}

// env returns the environment as a map.
func (x IO) env() map[string]string {
	out := map[string]string{}
	if x.Environ == nil {
		return out
	}
	for _, pair := range x.Environ() {
		if k, v, ok := strings.Cut(pair, "="); ok && k != "" {
			out[k] = v
		}
	}
	return out
}

// path returns a path that does not depend on the current directory.
func (x IO) path(p string) string {
	if filepath.IsAbs(p) || x.Dir == "" {
		return p
	}
	return filepath.Join(x.Dir, p)
}

func (x IO) version() string {
	if x.Version == "" {
		return "dev"
	}
	return x.Version
}

// k6's exit codes.
const (
	exitOK              = 0
	exitThresholds      = 99
	exitSetupTimeout    = 100
	exitTeardownTimeout = 101
	exitStopped         = 103
	exitConfig          = 104
	exitInterrupted     = 105
	exitCannotListen    = 106
	exitScript          = 107
	exitAborted         = 108
	exitMarkedFailed    = 110
	exitLacking         = 120 // ours, not k6's: this machine was the bottleneck
	exitUsage           = 255
)

// codedError carries the exit code that an error means.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

func coded(code int, format string, args ...any) error {
	return &codedError{code, fmt.Errorf(format, args...)}
}

// exitCode returns the code that err means; an unmarked error is a wrong use.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	var c *codedError
	if errors.As(err, &c) {
		return c.code
	}
	return exitUsage
}
