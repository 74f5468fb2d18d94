package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Limits of one connection. A page takes milliseconds, so whoever needs longer
// than these is broken or hostile.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	shutdownGrace     = 5 * time.Second
	maxHeaderBytes    = 32 << 10
)

// Serve answers requests on ln until ctx ends, then lets the requests under
// way finish for five seconds and closes the rest. It closes ln, returns when
// no handler runs any more, and returns nil when ctx was the reason to stop.
func Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		// Requests outlive ctx by the grace period, so they must not inherit
		// its end, only its values.
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.WithoutCancel(ctx), stopping{}, ctx.Done())
		},
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	err := srv.Shutdown(grace)
	if err != nil {
		err = errors.Join(fmt.Errorf("finish requests on %s: %w", ln.Addr(), err), srv.Close())
	}
	<-served
	return err
}

// stopping is where a request's context has the end of the server's.
type stopping struct{}

// closing returns what is closed when the server is to stop, for requests that
// would not end by themselves.
func closing(ctx context.Context) <-chan struct{} {
	stop, _ := ctx.Value(stopping{}).(<-chan struct{}) // nil elsewhere: never
	return stop
}
