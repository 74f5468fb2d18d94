// Package k6 has a k6 program on this machine do what the load generator does.
//
// In goes the command line that package launch gives its generators, out come
// the same files, series and exit codes: [Command] minds one k6 process. It
// translates the flags, keeps the progress file by k6's REST API, hands the
// token over where a script cannot read it, and writes the result when k6 has
// ended, however that was. When the minder dies, k6 dies with it.
//
// With the extension xk6-hackload inside, k6 counts as exactly as our own
// generator. Stock k6 writes Prometheus series of its own; the minder then adds
// what they lack and can be known from k6's summary and the process, and the
// result says what is less exact ([Program.Inexact]).
package k6

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	findTimeout = 10 * time.Second
	maxVersion  = 64 << 10 // bytes that are read of what a program says of itself
	oldest      = 2        // major version whose flags and REST API are spoken here
)

// Agent is what k6 calls itself to services.
const Agent = "Grafana k6/2.2.0"

// Program is a k6 on this machine.
type Program struct {
	Path      string
	Version   string // "v2.2.0"; what our own generator calls itself where it is that
	Extension bool   // xk6-hackload is inside
	Own       bool   // it is our own generator under k6's name
}

var versionPattern = regexp.MustCompile(`^k6\S* (v(?:(\d+)\.\S+|\(devel\)))`)

// Find asks the k6 program at path, or the one on the PATH when it is empty,
// what it is.
func Find(ctx context.Context, path string) (Program, error) {
	found, err := exec.LookPath(cmp.Or(path, "k6"))
	if err != nil {
		return Program{}, fmt.Errorf("find k6: %w; install k6, or name the program in load.k6_program", err)
	}
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, found, "version")
	cmd.Env = append(cmd.Environ(), quiet()...)
	cmd.Stdout = &limited{&said, maxVersion}
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return Program{}, fmt.Errorf("ask %s for its version: %w", found, err)
	}
	p, err := identify(said.String())
	if err != nil {
		return Program{}, fmt.Errorf("%s is not usable as k6: %w", found, err)
	}
	p.Path = found
	return p, nil
}

// identify reads what "k6 version" prints: a line of the version, then one for
// each extension's module with what it registers.
func identify(said string) (Program, error) {
	if own, ok := strings.CutPrefix(said, "loadgen "); ok {
		return Program{Version: "loadgen " + strings.TrimSpace(own), Own: true}, nil
	}
	m := versionPattern.FindStringSubmatch(said)
	if m == nil {
		line, _, _ := strings.Cut(said, "\n")
		return Program{}, fmt.Errorf("it says of itself %.100q, want %q", line, "k6 v2.…")
	}
	// One that was built from sources that have no version says so, and is taken
	// for a new one.
	if major, err := strconv.Atoi(m[2]); m[2] != "" && (err != nil || major < oldest) {
		return Program{}, fmt.Errorf("it is %s, want v%d.0.0 or newer", m[1], oldest)
	}
	p := Program{Version: m[1]}
	for line := range strings.Lines(said) {
		_, registers, _ := strings.Cut(line, ", ")
		p.Extension = p.Extension || strings.TrimSpace(registers) == "hackload [output]"
	}
	return p, nil
}

// Inexact says what is less exact than with the extension, in a sentence, and
// nothing where that is so.
func (p Program) Inexact() string {
	if p.Extension || p.Own {
		return ""
	}
	return fmt.Sprintf("k6 %s has no xk6-hackload inside: bounds of latency are decided by histogram buckets that are 9 %% wide, "+
		"and its own scheduling delay is not known.", p.Version)
}

// output is what --out is given.
func (p Program) output() string {
	switch {
	case p.Extension:
		return "hackload"
	case p.Own:
		return "prometheus-rw"
	}
	return stockOutput
}

const stockOutput = "experimental-prometheus-rw"

// quiet keeps k6 from calling home and from replacing itself.
func quiet() []string {
	return []string{"K6_NO_USAGE_REPORT=true", "K6_AUTO_EXTENSION_RESOLUTION=false"}
}

// limited refuses what goes beyond so many bytes.
type limited struct {
	to   io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errors.New("output is too long")
	}
	return l.to.Write(p)
}
