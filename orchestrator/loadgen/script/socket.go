package script

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"time"

	"github.com/gorilla/websocket"
	"github.com/grafana/sobek"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

const (
	handshakeTimeout = time.Minute
	// writeTimeout bounds how long a peer that reads nothing can hold a script up,
	// and how long it may take to answer a close.
	writeTimeout = 10 * time.Second
)

// socketRequest is what a script asks for when it opens a WebSocket.
type socketRequest struct {
	url      *url.URL
	header   http.Header
	jar      *cookiejar.Jar
	tags     *metric.TagSet
	compress bool
	// protocols are those that the script would like to speak, best first.
	protocols []string
}

// socketParams reads the arguments that both modules take.
func (vm *VM) socketParams(address string, params sobek.Value) (*socketRequest, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		return nil, fmt.Errorf("%.200q is no URL like ws://host/path or wss://host/path", address)
	}
	r := &socketRequest{url: u, header: http.Header{}, jar: vm.client.Jar(), tags: vm.tags}
	if agent := vm.config.HTTP.UserAgent(); agent != "" {
		r.header.Set("User-Agent", agent)
	}
	for k, v := range vm.members(params) {
		switch k {
		case "headers":
			for name, value := range vm.members(v) {
				r.header.Set(name, value.String())
			}
		case "tags":
			if r.tags, err = vm.tagsOf(r.tags, v); err != nil {
				return nil, err
			}
		case "jar":
			if jar, ok := exported[*cookieJar](v); ok {
				r.jar = jar.jar
			}
		case "compression":
			if r.compress = textOr(v, "") == "deflate"; !r.compress && textOr(v, "") != "" {
				return nil, fmt.Errorf("compression %.40q: there is deflate", v.String())
			}
		}
	}
	return r, nil
}

// socketEvent is something that the peer did. The last one is the end.
type socketEvent struct {
	kind int // a websocket message type
	data []byte
	err  error // with websocket.CloseMessage: why it ended
}

// code is the close code of the end, 0 when there was none.
func (e socketEvent) code() (code int, reason string) {
	var closed *websocket.CloseError
	if errors.As(e.err, &closed) {
		return closed.Code, closed.Text
	}
	return 0, ""
}

// unexpected reports whether the end is an error for the script.
func (e socketEvent) unexpected() bool {
	return e.err != nil && !errors.Is(e.err, net.ErrClosed) && !websocket.IsCloseError(e.err, websocket.CloseNormalClosure, websocket.CloseGoingAway)
}

// openSocket is an open WebSocket and what is counted of it. Its owner writes;
// one goroutine reads.
type openSocket struct {
	conn  *websocket.Conn
	wire  *httpx.Socket
	began time.Time
	pings map[string]time.Time // those under way
	last  int                  // number of the last ping
}

// openWebSocket connects and shakes hands. resp is nil when nobody answered.
func (vm *VM) openWebSocket(ctx context.Context, r *socketRequest) (_ *openSocket, resp *http.Response, err error) {
	s := &openSocket{began: time.Now(), pings: map[string]time.Time{}}
	dialer, err := vm.socketDialer(r, func(wire *httpx.Socket) { s.wire = wire })
	if err != nil {
		return nil, nil, err
	}
	s.conn, resp, err = dialer.DialContext(ctx, r.url.String(), r.header)
	if err != nil {
		if ends, ok := ctx.Deadline(); ok && !time.Now().Before(ends) {
			<-ctx.Done() // the connection met the deadline a moment before ctx did
		}
		return nil, resp, err
	}
	s.conn.SetReadLimit(vm.config.HTTP.MaxMessage())
	return s, resp, nil
}

// socketDialer returns what connects and shakes hands; made is told of the
// connection. A proxy, where there is one, is asked for a tunnel.
func (vm *VM) socketDialer(r *socketRequest, made func(*httpx.Socket)) (*websocket.Dialer, error) {
	d := &websocket.Dialer{HandshakeTimeout: handshakeTimeout, EnableCompression: r.compress, Jar: r.jar, Subprotocols: r.protocols}
	proxy, err := vm.config.HTTP.ProxyOf(r.url)
	if err != nil {
		return nil, fmt.Errorf("find proxy: %w", err)
	}
	dial := func(ctx context.Context, to *url.URL) (net.Conn, error) {
		wire, err := vm.config.HTTP.DialSocket(ctx, to)
		if err != nil {
			return nil, err
		}
		made(wire)
		return wire, nil
	}
	if proxy == nil {
		d.NetDialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, r.url) }
		d.NetDialTLSContext = d.NetDialContext
		return d, nil
	}
	d.Proxy = http.ProxyURL(proxy)
	d.TLSClientConfig = vm.config.HTTP.TLSTo(r.url.Hostname())
	d.NetDialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
		return dial(ctx, &url.URL{Scheme: "http", Host: address})
	}
	return d, nil
}

// read hands each thing that the peer does to on, until the connection ends or
// on refuses.
func (s *openSocket) read(on func(socketEvent) bool) {
	s.conn.SetPingHandler(func(data string) error {
		err := s.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeTimeout))
		if err == nil && !on(socketEvent{kind: websocket.PingMessage, data: []byte(data)}) {
			return net.ErrClosed
		}
		return err
	})
	s.conn.SetPongHandler(func(data string) error {
		if !on(socketEvent{kind: websocket.PongMessage, data: []byte(data)}) {
			return net.ErrClosed
		}
		return nil
	})
	for {
		kind, data, err := s.conn.ReadMessage()
		if err != nil {
			on(socketEvent{kind: websocket.CloseMessage, err: err})
			return
		}
		if !on(socketEvent{kind: kind, data: data}) {
			return
		}
	}
}

func (s *openSocket) write(kind int, data []byte) error {
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)) // fails only where the write does
	return s.conn.WriteMessage(kind, data)
}

// ping sends a ping whose answer is timed.
func (s *openSocket) ping() error {
	s.last++
	id := strconv.Itoa(s.last)
	s.pings[id] = time.Now()
	return s.conn.WriteControl(websocket.PingMessage, []byte(id), time.Now().Add(writeTimeout))
}

func (s *openSocket) sendClose(code int, reason string) error {
	return s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(writeTimeout))
}

// socketTags are k6's system tags of a session.
func (vm *VM) socketTags(r *socketRequest, resp *http.Response) *metric.TagSet {
	t := r.tags
	set := func(k, v string) {
		if on, listed := vm.config.Options.SystemTags[k]; v != "" && (on || !listed && vm.config.Options.SystemTags == nil) {
			t = vm.with(t, k, v)
		}
	}
	status := 0
	if resp != nil {
		status = resp.StatusCode
		set("subproto", clip(resp.Header.Get("Sec-Websocket-Protocol"), 60))
	}
	set("status", strconv.Itoa(status))
	return t
}

// countOpened counts the start of a session, countPong a ping's answer, and
// countClosed its end.
func (vm *VM) countOpened(s *openSocket, t *metric.TagSet) {
	vm.add(vm.builtin.WSSessions, t, 1)
	vm.add(vm.builtin.WSConnecting, t, ms(time.Since(s.began)))
}

func (vm *VM) countPong(s *openSocket, t *metric.TagSet, data []byte) {
	if sent, ok := s.pings[string(data)]; ok {
		delete(s.pings, string(data))
		vm.add(vm.builtin.WSPing, t, ms(time.Since(sent)))
	}
}

func (vm *VM) countClosed(s *openSocket, t *metric.TagSet) {
	vm.add(vm.builtin.WSSessionDuration, t, ms(time.Since(s.began)))
}

// countTraffic counts a session's bytes, once all its goroutines have ended.
func (vm *VM) countTraffic(s *openSocket) {
	sent, received := s.wire.Traffic()
	vm.sent += sent
	vm.recv += received
}

// socketError is a failure in words that a script and a label may hold.
func socketError(err error) string {
	var own *httpx.Error
	if errors.As(err, &own) {
		return own.Text
	}
	return clip(err.Error(), 200)
}
