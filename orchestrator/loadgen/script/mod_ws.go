package script

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/grafana/sobek"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

// exportWS makes the exports of the module k6/ws.
func (vm *VM) exportWS(name string) sobek.Value {
	if name != "connect" {
		return nil
	}
	return vm.rt.ToValue(vm.wsConnect)
}

// wsConnect is ws.connect(url, params, callback): it returns when the session
// is over.
func (vm *VM) wsConnect(c sobek.FunctionCall) sobek.Value {
	vm.needCall("ws.connect")
	params, callback := c.Argument(1), c.Argument(2)
	if len(c.Arguments) == 2 {
		params, callback = nil, c.Argument(1)
	}
	begin, ok := sobek.AssertFunction(callback)
	if !ok {
		vm.throw("ws.connect() needs a function as its last argument")
	}
	request, err := vm.socketParams(c.Argument(0).String(), params)
	if err != nil {
		vm.throw("ws.connect: %w", err)
	}
	opened, resp, err := vm.openWebSocket(vm.context(), request)
	tags := vm.socketTags(request, resp)
	if err != nil {
		if vm.context().Err() == nil && vm.config.Options.Throw {
			vm.throw("ws.connect: %s", socketError(err))
		}
		vm.logFailure("WebSocket failed", "error", socketError(err), "url", masked(request.url))
		return vm.socketAnswer(request, resp, socketError(err))
	}
	s := &wsSession{vm: vm, open: opened, tags: tags, handlers: map[string][]sobek.Callable{}, wake: make(chan sobek.Callable)}
	vm.countOpened(opened, tags)
	s.run(begin)
	return vm.socketAnswer(request, resp, "")
}

// socketAnswer is the Response of ws.connect.
func (vm *VM) socketAnswer(r *socketRequest, resp *http.Response, failure string) sobek.Value {
	out, headers, status, body := vm.rt.NewObject(), vm.rt.NewObject(), 0, ""
	if resp != nil {
		status = resp.StatusCode
		for k, v := range resp.Header {
			_ = headers.Set(k, strings.Join(v, ", "))
		}
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 1024)) // what there is was read with the handshake
		body = string(b)
	}
	_ = out.Set("url", r.url.String())
	_ = out.Set("status", status)
	_ = out.Set("headers", headers)
	_ = out.Set("body", body)
	_ = out.Set("error", failure)
	return out
}

// wsSession is a Socket of k6/ws. All of it but the reading happens on the
// script's own goroutine, inside of ws.connect.
type wsSession struct {
	vm       *VM
	open     *openSocket
	tags     *metric.TagSet
	handlers map[string][]sobek.Callable
	wake     chan sobek.Callable // timers that are due
	done     <-chan struct{}     // the session is over
	timers   sync.WaitGroup
	closed   bool
}

// run is the whole session. What a handler throws ends it and is thrown on.
func (s *wsSession) run(begin sobek.Callable) {
	ctx, cancel := context.WithCancel(s.vm.context())
	s.done = ctx.Done()
	events, ended := make(chan socketEvent), make(chan struct{})
	go func() {
		defer close(ended)
		s.open.read(func(e socketEvent) bool {
			select {
			case events <- e:
				return true
			case <-ctx.Done():
				return false
			}
		})
	}()
	defer func() { // also when a handler throws or is interrupted
		if !s.closed {
			_ = s.open.sendClose(websocket.CloseGoingAway, "") // the connection is closed next
		}
		cancel()
		_ = s.open.conn.Close()
		<-ended
		s.timers.Wait()
		s.vm.countClosed(s.open, s.tags)
		s.vm.countTraffic(s.open)
	}()
	if _, err := begin(sobek.Undefined(), s.object()); err != nil {
		panic(err)
	}
	s.emit("open")
	s.loop(ctx, events)
}

func (s *wsSession) loop(ctx context.Context, events <-chan socketEvent) {
	for !s.closed {
		select {
		case e := <-events:
			s.handle(e)
		case due := <-s.wake:
			if _, err := due(sobek.Undefined()); err != nil {
				panic(err)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (s *wsSession) handle(e socketEvent) {
	rt := s.vm.rt
	switch e.kind {
	case websocket.TextMessage:
		s.vm.add(s.vm.builtin.WSMessagesReceived, s.tags, 1)
		s.emit("message", rt.ToValue(string(e.data)))
	case websocket.BinaryMessage:
		s.vm.add(s.vm.builtin.WSMessagesReceived, s.tags, 1)
		s.emit("binaryMessage", rt.ToValue(rt.NewArrayBuffer(e.data)))
	case websocket.PingMessage:
		s.emit("ping")
	case websocket.PongMessage:
		s.vm.countPong(s.open, s.tags, e.data)
		s.emit("pong")
	default:
		if e.unexpected() {
			s.fail(e.err)
		}
		code, _ := e.code()
		if code == 0 {
			code = websocket.CloseGoingAway
		}
		s.close(code)
	}
}

// fail tells the script of an error.
func (s *wsSession) fail(err error) {
	e := s.vm.rt.NewObject()
	_ = e.Set("error", func(sobek.FunctionCall) sobek.Value { return s.vm.rt.ToValue(socketError(err)) })
	s.emit("error", e)
}

// close ends the session and tells the script.
func (s *wsSession) close(code int) {
	if s.closed {
		return
	}
	s.closed = true
	_ = s.open.sendClose(code, "") // fails where the peer has closed before
	s.emit("close", s.vm.rt.ToValue(code))
}

func (s *wsSession) emit(event string, args ...sobek.Value) {
	for _, f := range s.handlers[event] {
		if _, err := f(sobek.Undefined(), args...); err != nil {
			panic(err)
		}
	}
}

func (s *wsSession) object() sobek.Value {
	return object(s.vm, "Socket", s, func() methods[*wsSession] {
		return methods[*wsSession]{
			"on": (*wsSession).on, "close": (*wsSession).closeBy, "ping": (*wsSession).ping, "send": (*wsSession).send, "sendBinary": (*wsSession).sendBinary,
			"setTimeout":  func(s *wsSession, c sobek.FunctionCall) any { return s.timer(c, false) },
			"setInterval": func(s *wsSession, c sobek.FunctionCall) any { return s.timer(c, true) },
		}
	})
}

func (s *wsSession) on(c sobek.FunctionCall) any {
	if f, ok := sobek.AssertFunction(c.Argument(1)); ok {
		name := c.Argument(0).String()
		s.handlers[name] = append(s.handlers[name], f)
	}
	return sobek.Undefined()
}

func (s *wsSession) closeBy(c sobek.FunctionCall) any {
	code := websocket.CloseGoingAway
	if given(c.Argument(0)) {
		code = int(c.Argument(0).ToInteger())
	}
	s.close(code)
	return sobek.Undefined()
}

func (s *wsSession) ping(sobek.FunctionCall) any {
	if err := s.open.ping(); err != nil {
		s.fail(err)
	}
	return sobek.Undefined()
}

func (s *wsSession) send(c sobek.FunctionCall) any {
	return s.write(websocket.TextMessage, []byte(c.Argument(0).String()))
}

func (s *wsSession) sendBinary(c sobek.FunctionCall) any {
	b, ok := s.vm.binary(c.Argument(0))
	if !ok {
		s.vm.throw("sendBinary() takes an ArrayBuffer, not %.60s", c.Argument(0).String())
	}
	return s.write(websocket.BinaryMessage, b)
}

func (s *wsSession) write(kind int, data []byte) any {
	if err := s.open.write(kind, data); err != nil {
		s.fail(err)
		return sobek.Undefined()
	}
	s.vm.add(s.vm.builtin.WSMessagesSent, s.tags, 1)
	return sobek.Undefined()
}

// timer calls a function after some time, once or again and again, while the
// session lasts. The time is the socket's own: nothing runs after it.
func (s *wsSession) timer(c sobek.FunctionCall, repeat bool) any {
	f, ok := sobek.AssertFunction(c.Argument(0))
	delay := time.Duration(c.Argument(1).ToFloat() * float64(time.Millisecond))
	if !ok || delay <= 0 {
		s.vm.throw("a socket's timer needs a function and a number of milliseconds above 0")
	}
	s.timers.Go(func() {
		ticks := time.NewTicker(delay)
		defer ticks.Stop()
		for again := true; again; again = repeat {
			select {
			case <-ticks.C:
			case <-s.done:
				return
			}
			select {
			case s.wake <- f:
			case <-s.done:
				return
			}
		}
	})
	return sobek.Undefined()
}
