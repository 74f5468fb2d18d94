package script

import (
	"slices"
	"strings"

	"github.com/grafana/sobek"
)

func socketEvents() []string { return []string{"open", "message", "ping", "pong", "error", "close"} }

// socketObject is a WebSocket as a script sees it.
type socketObject struct {
	w    *webSocket
	made map[string]sobek.Value
}

// Get returns a member.
func (o *socketObject) Get(key string) sobek.Value {
	w, rt := o.w, o.w.vm.rt
	switch key {
	case "url":
		return rt.ToValue(w.url)
	case "readyState":
		return rt.ToValue(w.state)
	case "protocol":
		return rt.ToValue(w.protocol)
	case "extensions":
		return rt.NewArray()
	case "bufferedAmount":
		return rt.ToValue(0) // what is sent is written at once
	case "binaryType":
		if w.blobs {
			return rt.ToValue("blob")
		}
		return rt.ToValue("arraybuffer")
	}
	if strings.HasPrefix(key, "on") {
		return w.on[key]
	}
	if v, ok := o.made[key]; ok {
		return v
	}
	f, ok := map[string]func(sobek.FunctionCall) sobek.Value{
		"addEventListener": w.addListener, "send": w.send, "ping": w.ping, "close": w.close,
	}[key]
	if !ok {
		return nil
	}
	o.made[key] = rt.ToValue(f)
	return o.made[key]
}

// Set changes binaryType or a handler.
func (o *socketObject) Set(key string, v sobek.Value) bool {
	switch event, handler := strings.CutPrefix(key, "on"); {
	case key == "binaryType" && slices.Contains([]string{"blob", "arraybuffer"}, v.String()):
		o.w.blobs = v.String() == "blob"
	case handler && slices.Contains(socketEvents(), event):
		o.w.on[key] = v
	default:
		panic(o.w.vm.rt.NewTypeError("a WebSocket's %s cannot be set to %.60s", key, v))
	}
	return true
}

// Has reports whether there is a member.
func (o *socketObject) Has(key string) bool { return o.Get(key) != nil }

// Delete refuses.
func (o *socketObject) Delete(string) bool { return false }

// Keys lists what can be read.
func (o *socketObject) Keys() []string {
	return []string{"url", "readyState", "bufferedAmount", "binaryType", "protocol", "extensions", "addEventListener", "send", "ping", "close"}
}
