package script

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gorilla/websocket"
	"github.com/grafana/sobek"
	"golang.org/x/net/http/httpguts"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

// The states of a WebSocket, as the web numbers them.
const (
	stateConnecting = iota
	stateOpen
	stateClosing
	stateClosed
)

// exportWebSockets makes the exports of the module k6/websockets.
func (vm *VM) exportWebSockets(name string) sobek.Value {
	switch name {
	case "WebSocket":
		return vm.rt.ToValue(vm.newWebSocket)
	case "Blob":
		return vm.rt.ToValue(vm.constructBlob)
	}
	return nil
}

// webSocket is a WebSocket. Its callbacks run on the VM's event loop; a
// goroutine, which ends with the call at the latest, connects and reads.
type webSocket struct {
	vm        *VM
	url       string
	protocol  string // that the server chose
	state     int
	blobs     bool // binary messages come as Blobs
	open      *openSocket
	tags      *metric.TagSet
	self      *sobek.Object
	listeners map[string][]sobek.Callable
	on        map[string]sobek.Value // onopen and the like
	hangUp    context.CancelFunc
}

func (vm *VM) newWebSocket(c sobek.ConstructorCall) *sobek.Object {
	vm.needCall("new WebSocket")
	request, err := vm.socketParams(c.Argument(0).String(), c.Argument(2))
	if err != nil {
		vm.throw("new WebSocket: %w", err)
	}
	if request.protocols, err = protocolsOf(c.Argument(1)); err != nil {
		vm.throw("new WebSocket: %w", err)
	}
	w := &webSocket{
		vm: vm, url: request.url.String(), blobs: true, tags: request.tags,
		listeners: map[string][]sobek.Callable{}, on: map[string]sobek.Value{},
	}
	w.self = vm.rt.NewDynamicObject(&socketObject{w, map[string]sobek.Value{}})
	l := vm.eventLoop()
	ctx, cancel := context.WithCancel(vm.context())
	w.hangUp = cancel
	l.cancels = append(l.cancels, cancel)
	l.after = append(l.after, func() {
		if w.open != nil {
			vm.countTraffic(w.open)
		}
	})
	hand := l.announce()
	l.work.Go(func() { w.live(ctx, request, hand) })
	return w.self
}

// protocolsOf reads one protocol or a list of them.
func protocolsOf(v sobek.Value) ([]string, error) {
	if !given(v) || v.String() == "" {
		return nil, nil
	}
	list := []string{v.String()}
	if obj, ok := v.(*sobek.Object); ok {
		list = nil
		for _, i := range obj.Keys() {
			list = append(list, obj.Get(i).String())
		}
	}
	for _, name := range list {
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, fmt.Errorf("%.60q is no name of a protocol", name)
		}
	}
	return list, nil
}

// live connects and reads to the end. hand is for the next callback: one is
// always announced, so the event loop waits while the socket lives.
func (w *webSocket) live(ctx context.Context, r *socketRequest, hand func(func() error)) {
	l := w.vm.loop
	opened, resp, err := w.vm.openWebSocket(ctx, r)
	if err != nil {
		hand(func() error {
			w.vm.socketTags(r, resp)
			w.vm.logFailure("WebSocket failed", "error", socketError(err), "url", masked(r.url))
			return w.end(socketEvent{err: err})
		})
		return
	}
	defer func() { _ = opened.conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = opened.conn.Close() })()
	// The next event is only read when the script is done with the last one, so
	// a peer cannot fill the memory.
	turn := func(f func() error, more bool) bool {
		now, done := hand, make(chan struct{})
		if more {
			hand = l.announce()
		}
		now(func() error {
			defer close(done)
			return f()
		})
		select {
		case <-done:
			return true
		case <-ctx.Done():
			return false
		}
	}
	began := turn(func() error {
		w.protocol = opened.conn.Subprotocol()
		w.open, w.state, w.tags = opened, stateOpen, w.vm.socketTags(r, resp)
		w.vm.countOpened(opened, w.tags)
		return w.emit("open", nil)
	}, true)
	if !began {
		return
	}
	opened.read(func(e socketEvent) bool {
		if e.kind == websocket.CloseMessage {
			_ = opened.conn.Close()
		}
		return turn(func() error { return w.handle(e) }, e.kind != websocket.CloseMessage)
	})
}

func (w *webSocket) handle(e socketEvent) error {
	switch e.kind {
	case websocket.TextMessage, websocket.BinaryMessage:
		w.vm.add(w.vm.builtin.WSMessagesReceived, w.tags, 1)
		var data any = string(e.data)
		switch {
		case e.kind == websocket.BinaryMessage && w.blobs:
			data = w.vm.newBlob(e.data, "")
		case e.kind == websocket.BinaryMessage:
			data = w.vm.rt.NewArrayBuffer(e.data)
		}
		return w.emit("message", map[string]any{"data": data})
	case websocket.PingMessage:
		return w.emit("ping", nil)
	case websocket.PongMessage:
		w.vm.countPong(w.open, w.tags, e.data)
		return w.emit("pong", nil)
	}
	return w.end(e)
}

// end tells the script that the connection is gone.
func (w *webSocket) end(e socketEvent) error {
	if w.state == stateClosed {
		return nil
	}
	w.state = stateClosed
	if w.open != nil {
		w.vm.countClosed(w.open, w.tags)
	}
	if e.unexpected() {
		if err := w.emit("error", map[string]any{"error": socketError(e.err)}); err != nil {
			return err
		}
	}
	members := map[string]any{}
	if code, reason := e.code(); code != 0 {
		members["code"], members["reason"] = code, reason
	}
	return w.emit("close", members)
}

// emit calls the listeners of an event, in the order in which they came.
func (w *webSocket) emit(name string, members map[string]any) error {
	event := w.vm.rt.NewObject()
	_ = event.Set("type", name)
	_ = event.Set("target", w.self)
	_ = event.Set("timestamp", float64(time.Now().UnixMilli()))
	for k, v := range members {
		_ = event.Set(k, v)
	}
	all := slices.Clone(w.listeners[name])
	if f, ok := sobek.AssertFunction(w.on["on"+name]); ok {
		all = append([]sobek.Callable{f}, all...)
	}
	for _, f := range all {
		if _, err := f(w.self, event); err != nil {
			return err
		}
	}
	return nil
}

func (w *webSocket) addListener(c sobek.FunctionCall) sobek.Value {
	f, ok := sobek.AssertFunction(c.Argument(1))
	if name := c.Argument(0).String(); !ok || !slices.Contains(socketEvents(), name) {
		w.vm.throw("addEventListener() takes one of %v and a function", socketEvents())
	} else {
		w.listeners[name] = append(w.listeners[name], f)
	}
	return sobek.Undefined()
}

func (w *webSocket) mustBeOpen(what string) {
	if w.state != stateOpen {
		panic(w.vm.domError("InvalidStateError", what+"() needs an open WebSocket: wait for its open event"))
	}
}

func (w *webSocket) send(c sobek.FunctionCall) sobek.Value {
	w.mustBeOpen("send")
	kind, data := websocket.BinaryMessage, []byte(nil)
	if b, ok := exported[*blob](c.Argument(0)); ok {
		data = b.data
	} else if b, ok := w.vm.binary(c.Argument(0)); ok {
		data = b
	} else {
		kind, data = websocket.TextMessage, []byte(c.Argument(0).String())
	}
	if err := w.open.write(kind, data); err != nil {
		w.hangUp() // the reader tells the script
		return sobek.Undefined()
	}
	w.vm.add(w.vm.builtin.WSMessagesSent, w.tags, 1)
	return sobek.Undefined()
}

func (w *webSocket) ping(sobek.FunctionCall) sobek.Value {
	w.mustBeOpen("ping")
	_ = w.open.ping() // where it fails the reader fails too
	return sobek.Undefined()
}

// close says good-bye. A peer that does not answer in time is left.
func (w *webSocket) close(c sobek.FunctionCall) sobek.Value {
	if w.state != stateOpen {
		return sobek.Undefined()
	}
	code := websocket.CloseNormalClosure
	if given(c.Argument(0)) {
		code = int(c.Argument(0).ToInteger())
	}
	if code != websocket.CloseNormalClosure && (code < 3000 || code > 4999) && code != websocket.CloseGoingAway {
		panic(w.vm.domError("InvalidAccessError", "a WebSocket is closed with 1000 or a code from 3000 to 4999"))
	}
	w.state = stateClosing
	_ = w.open.sendClose(code, textOr(c.Argument(1), ""))
	_ = w.open.conn.SetReadDeadline(time.Now().Add(writeTimeout))
	return sobek.Undefined()
}
