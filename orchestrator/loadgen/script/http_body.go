package script

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/grafana/sobek"
	"github.com/klauspost/compress/zstd"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
)

// setBody reads a body: text, bytes, or an object that becomes a form.
func (vm *VM) setBody(p *prepared, v sobek.Value) error {
	if v == nil || sobek.IsUndefined(v) || sobek.IsNull(v) {
		return nil
	}
	if text, ok := v.Export().(string); ok {
		p.request.Body = []byte(text)
	} else if b, ok := vm.binary(v); ok {
		p.request.Body = b
	} else if obj, ok := v.(*sobek.Object); ok && obj.ClassName() == "Object" && isPlain(obj) {
		var kind string
		p.request.Body, kind = vm.form(obj)
		p.request.Header = append(p.request.Header, httpx.Field{Name: "Content-Type", Value: kind})
	} else {
		return fmt.Errorf("a body is text, bytes or an object of form fields, not %.60s", v.String())
	}
	return nil
}

func isPlain(obj *sobek.Object) bool {
	_, isFile := obj.Export().(*fileData)
	return !isFile
}

// binary returns the bytes of an ArrayBuffer, a typed array or a DataView. They
// are the script's own, not a copy.
func (vm *VM) binary(v sobek.Value) ([]byte, bool) {
	obj, ok := v.(*sobek.Object)
	if !ok || obj.Get("byteLength") == nil {
		return nil, false
	}
	if buffer, ok := exported[sobek.ArrayBuffer](obj); ok {
		return buffer.Bytes(), true
	}
	buffer, ok := exported[sobek.ArrayBuffer](obj.Get("buffer"))
	if !ok {
		return nil, false
	}
	all, from, n := buffer.Bytes(), obj.Get("byteOffset").ToInteger(), obj.Get("byteLength").ToInteger()
	if from < 0 || n < 0 || from+n > int64(len(all)) {
		return nil, false // it only looks like a view
	}
	return all[from : from+n], true
}

// form writes an object as a form: with parts when one of its fields is a file.
func (vm *VM) form(obj *sobek.Object) (body []byte, contentType string) {
	for _, k := range obj.Keys() {
		if _, ok := exported[*fileData](obj.Get(k)); ok {
			return vm.multipart(obj)
		}
	}
	form := url.Values{}
	for _, k := range obj.Keys() {
		for _, text := range vm.formValues(k, obj.Get(k)) {
			form.Add(k, text)
		}
	}
	return []byte(form.Encode()), "application/x-www-form-urlencoded"
}

func (vm *VM) multipart(obj *sobek.Object) (body []byte, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, k := range obj.Keys() {
		if f, ok := exported[*fileData](obj.Get(k)); ok {
			part, _ := w.CreatePart(textproto.MIMEHeader{
				"Content-Disposition": {multipart.FileContentDisposition(k, f.name)}, "Content-Type": {f.contentType},
			})
			_, _ = part.Write(f.bytes)
			continue
		}
		for _, text := range vm.formValues(k, obj.Get(k)) {
			_ = w.WriteField(k, text) // a bytes.Buffer takes everything
		}
	}
	_ = w.Close()
	return b.Bytes(), w.FormDataContentType()
}

// formValues writes a field: each element of a list, and nothing for what has
// no text.
func (vm *VM) formValues(name string, v sobek.Value) []string {
	obj, ok := v.(*sobek.Object)
	switch {
	case sobek.IsUndefined(v), sobek.IsNull(v):
		return []string{""}
	case !ok:
		return []string{v.String()}
	case obj.ClassName() != "Array":
		vm.config.Log.Warn("a form field that is an object is sent empty: use JSON.stringify", "field", clip(name, 60))
		return []string{""}
	}
	var out []string
	for _, i := range obj.Keys() {
		out = append(out, obj.Get(i).String())
	}
	return out
}

// compress encodes the body as a list like "gzip" or "gzip, br" says.
func (p *prepared) compress(list string) error {
	if len(p.request.Body) == 0 {
		return nil
	}
	p.note().plain = p.request.Body
	for name := range strings.SplitSeq(list, ",") {
		var b bytes.Buffer
		w, err := encoder(strings.TrimSpace(name), &b)
		if err != nil {
			return err
		}
		_, _ = w.Write(p.request.Body) // a bytes.Buffer takes everything
		_ = w.Close()
		p.request.Body = b.Bytes()
	}
	p.request.Header = append(dropField(p.request.Header, "Content-Encoding"), httpx.Field{Name: "Content-Encoding", Value: list})
	return nil
}

func encoder(name string, to io.Writer) (io.WriteCloser, error) {
	switch name {
	case "gzip":
		return gzip.NewWriter(to), nil
	case "deflate":
		return zlib.NewWriter(to), nil
	case "br":
		return brotli.NewWriter(to), nil
	case "zstd":
		return zstd.NewWriter(to, zstd.WithEncoderConcurrency(1))
	}
	return nil, fmt.Errorf("%.40q is none of gzip, deflate, br and zstd", name)
}

// fileData is what http.file made: a part of a form.
type fileData struct {
	vm                *VM
	data              sobek.Value
	bytes             []byte
	name, contentType string
}

// newFile is http.file(data, name, type).
func (vm *VM) newFile(c sobek.FunctionCall) sobek.Value {
	f := &fileData{vm: vm, data: c.Argument(0), name: strconv.FormatInt(time.Now().UnixNano(), 10), contentType: "application/octet-stream"}
	if text, ok := f.data.Export().(string); ok {
		f.bytes = []byte(text)
	} else if b, ok := vm.binary(f.data); ok {
		f.bytes = b
	} else {
		vm.throw("http.file() takes text or bytes, not %.60s", f.data.String())
	}
	if v := c.Argument(1); !sobek.IsUndefined(v) && v.String() != "" {
		f.name = v.String()
	}
	if v := c.Argument(2); !sobek.IsUndefined(v) && v.String() != "" {
		f.contentType = v.String()
	}
	return vm.rt.NewDynamicObject(f)
}

// Get returns one of the file's three members.
func (f *fileData) Get(key string) sobek.Value {
	switch key {
	case "data":
		return f.data
	case "filename":
		return f.vm.rt.ToValue(f.name)
	case "content_type":
		return f.vm.rt.ToValue(f.contentType)
	}
	return nil
}

// Set refuses every change.
func (f *fileData) Set(string, sobek.Value) bool { return false }

// Has reports whether key is one of the three.
func (f *fileData) Has(key string) bool { return f.Get(key) != nil }

// Delete refuses.
func (f *fileData) Delete(string) bool { return false }

// Keys lists the members.
func (f *fileData) Keys() []string { return []string{"data", "filename", "content_type"} }
