// Package faults puts a bad network between a client and a server.
//
// In come TCP connections; out go the same bytes to the server behind, with
// what a plan says for each connection: late, slow, cut in the middle, reset,
// swallowed, or closed only long after the end. What was done is counted by
// name, so that a test can print it and show that its faults took place.
//
// It works below any protocol, so one proxy stands before a Hub, a Prometheus,
// a PostgreSQL or a GitHub, with TLS or without.
package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Fault is what happens to one connection. The zero value changes nothing.
type Fault struct {
	// Name is what the fault is counted under; empty is counted as "none".
	Name string
	// Delay holds each piece of the answer back for this long.
	Delay time.Duration
	// Rate is how many bytes of the answer pass in a second; 0 is no limit.
	Rate int
	// Cut ends the connection after so many bytes of the answer, by a reset; 0
	// is never. With 1 the request arrives and its answer is lost.
	Cut int
	// Refuse resets the connection at once: the server hears of nothing.
	Refuse bool
	// HalfOpen takes what the client sends and never answers, as a peer does
	// that has lost its power: the client must give up by itself.
	HalfOpen bool
	// Linger keeps the connection open for this long after the server has closed
	// it.
	Linger time.Duration
}

// Plan decides what happens to the next connection. Calls do not overlap.
type Plan func() Fault

// Proxy forwards connections. Make one with New.
type Proxy struct {
	upstream string

	mu     sync.Mutex
	plan   Plan
	counts map[string]int
	open   map[*passage]bool
}

// New returns a proxy to the server at upstream (host:port, or the path of a
// socket) that starts nothing. Without a plan nothing goes wrong.
func New(upstream string, plan Plan) *Proxy {
	p := &Proxy{upstream: upstream, counts: map[string]int{}, open: map[*passage]bool{}}
	p.Set(plan)
	return p
}

// Set replaces the plan for connections that are yet to come; nil ends all
// faults.
func (p *Proxy) Set(plan Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if plan == nil {
		plan = func() Fault { return Fault{} }
	}
	p.plan = plan
}

// Counts returns how many connections met each fault, by its name.
func (p *Proxy) Counts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

// Break resets the connections that are open.
func (p *Proxy) Break() {
	p.each(func(c *passage) { reset(c.client); reset(c.server) })
}

// Mute makes the connections that are open half open: they stay, and nothing
// passes any more either way.
func (p *Proxy) Mute() { p.each(func(c *passage) { c.mute.Store(true) }) }

func (p *Proxy) each(do func(c *passage)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		do(c)
	}
}

// Open returns how many connections pass through at present.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.open)
}

func (p *Proxy) enter(c *passage) (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = true
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, c)
	}
}

func (p *Proxy) next() Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.plan()
	name := f.Name
	if name == "" {
		name = "none"
	}
	p.counts[name]++
	return f
}

// Serve forwards what comes to at until ctx is done; then it breaks the
// connections that are left, waits for them, and returns nil.
func (p *Proxy) Serve(ctx context.Context, at net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var open sync.WaitGroup
	defer open.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = at.Close() })
	defer stop()
	for {
		client, err := at.Accept()
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			if client != nil {
				_ = client.Close()
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept a connection: %w", err)
		}
		fault := p.next()
		open.Go(func() { p.carry(ctx, client, fault) })
	}
}

// carry forwards one connection until either side is done with it.
func (p *Proxy) carry(ctx context.Context, client net.Conn, f Fault) {
	defer client.Close()
	defer context.AfterFunc(ctx, func() { _ = client.Close() })()
	switch {
	case f.Refuse:
		reset(client)
		return
	case f.HalfOpen:
		_, _ = io.Copy(io.Discard, client) // until the client gives up
		return
	}
	var dialer net.Dialer
	network := "tcp"
	if strings.HasPrefix(p.upstream, "/") {
		network = "unix"
	}
	server, err := dialer.DialContext(ctx, network, p.upstream)
	if err != nil {
		reset(client)
		return
	}
	defer server.Close()
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	c := &passage{client: client, server: server}
	defer p.enter(c)()

	var sent sync.WaitGroup
	sent.Go(c.ask)
	c.answer(ctx, f)
	if c.mute.Load() {
		sent.Wait() // the client must give up by itself
	}
	if f.Linger > 0 {
		sleep(ctx, f.Linger)
	}
	_, _ = client.Close(), server.Close() // ends the other direction
	sent.Wait()
}

// passage is a connection that is open on both sides.
type passage struct {
	client, server net.Conn
	mute           atomic.Bool // nothing passes any more
}

// ask forwards the client's bytes until it has no more.
func (c *passage) ask() {
	buffer := make([]byte, 32<<10)
	for {
		n, err := c.client.Read(buffer)
		if !c.mute.Load() && n > 0 {
			_, _ = c.server.Write(buffer[:n]) // a server that is gone ends the answer
		}
		if err != nil {
			closeWrite(c.server)
			return
		}
	}
}

// piece is how much of an answer is held back at a time, in bytes.
const piece = 1024

// answer forwards the server's bytes as the fault has it.
func (c *passage) answer(ctx context.Context, f Fault) {
	buffer := make([]byte, piece)
	for passed := 0; ; {
		n, err := c.server.Read(buffer)
		sleep(ctx, f.Delay)
		if f.Rate > 0 {
			sleep(ctx, time.Duration(n)*time.Second/time.Duration(f.Rate))
		}
		switch {
		case c.mute.Load():
			n = 0
		case f.Cut > 0 && passed+n >= f.Cut:
			_, _ = c.client.Write(buffer[:f.Cut-passed-1])
			reset(c.client)
			return
		}
		if _, failed := c.client.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
		passed += n
	}
}

// reset ends a connection without the farewell of a close: what is on its way is
// lost, and the other side is told "connection reset by peer".
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
