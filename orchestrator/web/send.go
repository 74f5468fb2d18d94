package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// worthPacking is the size in bytes from which a body is compressed.
const worthPacking = 2 << 10

// content is a whole answer, ready before its first byte is sent.
type content struct {
	code int
	kind string // its Content-Type
	body []byte

	packed []byte // body, compressed already; nil: not yet
}

// send writes an answer, compressed for those who take it so: a results table
// is a twentieth of its size then.
func send(w http.ResponseWriter, r *http.Request, c content) {
	h := w.Header()
	h.Set("Content-Type", c.kind)
	h.Add("Vary", "Accept-Encoding")
	if len(c.body) >= worthPacking && takesGzip(r) {
		if c.packed == nil {
			c.packed = pack(c.body)
		}
		c.body = c.packed
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(c.body)))
	w.WriteHeader(c.code)
	_, _ = w.Write(c.body) // the reader may be gone; nothing is left to tell it
}

func takesGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(coding, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			quality, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(params), "q="), 64)
			return err != nil || quality > 0 // no quality, or one that is not a number, means yes
		}
	}
	return false
}

func pack(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body) // a bytes.Buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

func sendJSON(w http.ResponseWriter, r *http.Request, body any) error {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(body); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	send(w, r, content{code: http.StatusOK, kind: "application/json", body: b.Bytes()})
	return nil
}

// sendList answers with a list, an empty one as [].
func sendList[T any](w http.ResponseWriter, r *http.Request, all []T) error {
	if all == nil {
		all = []T{}
	}
	return sendJSON(w, r, all)
}
