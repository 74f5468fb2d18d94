package biletter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// How long the server waits for its clients.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	graceTimeout  = 5 * time.Second
	maxHeader     = 64 << 10 // bytes
)

// Serve answers on ln until ctx ends, then lets requests under way finish for
// up to 5 s and closes ln. It returns nil after such an end, and when it
// returns nothing of the server is left.
func (s *Service) Serve(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		// A request that waits (Slow) leaves when the service is asked to stop.
		BaseContext: func(net.Listener) context.Context { return ctx },
		// Clients under load break off all the time; that is no news.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve sample service: %w", err)
	case <-ctx.Done():
	}
	return stop(server, failed)
}

func stop(server *http.Server, failed <-chan error) error {
	// The parent has ended already; the grace period has its own clock.
	ctx, cancel := context.WithTimeout(context.Background(), graceTimeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("stop sample service: %w", err)
	}
	return nil
}
