package httpx

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

const maxInterims = 5

// read reads the answer into x. keep says that the connection is at the start
// of the next answer.
func (c *Client) read(cn *conn, req *Request, x *Exchange) (keep bool, err error) {
	cn.left, cn.got = c.transport.config.MaxHeader, false
	br := c.transport.pools.reader(cn)
	defer c.transport.pools.putReader(br)
	resp, err := c.final(br, req.Method)
	if err != nil {
		if !cn.got && errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF // not a byte came
		}
		return false, err
	}
	cn.left = -1
	whole, err := c.take(resp, req, x)
	keep = whole && !resp.Close && !c.transport.config.NoConnectionReuse && br.Buffered() == 0 && !asksClose(req)
	return keep, err
}

// take takes an answer over into x. whole says that nothing of it is left on
// the connection.
func (c *Client) take(resp *http.Response, req *Request, x *Exchange) (whole bool, err error) {
	x.Status, x.Proto, x.Header = resp.StatusCode, resp.Proto, resp.Header
	x.StatusText = statusText(resp)
	c.keepCookies(req, resp)
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return false, nil
	}
	if whole, err = c.readBody(resp, req, x); err != nil {
		// As in k6, a request whose answer breaks off has no status.
		x.Status, x.StatusText, x.Header = 0, "", nil
	}
	return whole && err == nil, err
}

// final returns the first answer that is not informational.
func (c *Client) final(br *bufio.Reader, method string) (*http.Response, error) {
	template := c.transport.other
	if method == http.MethodHead {
		template = c.transport.head
	}
	for range maxInterims + 1 {
		resp, err := http.ReadResponse(br, template)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, nil
		}
	}
	return nil, ErrTooManyInterims
}

func statusText(resp *http.Response) string {
	_, text, _ := strings.Cut(resp.Status, " ")
	return text
}

func asksClose(req *Request) bool {
	for _, f := range req.Header {
		if strings.EqualFold(f.Name, "Connection") && strings.EqualFold(f.Value, "close") {
			return true
		}
	}
	return false
}

// readBody reads and decodes the body within its bound; one that nobody wants is
// neither decoded nor kept, so that only its time is bounded. whole says that
// nothing of it is left on the connection.
func (c *Client) readBody(resp *http.Response, req *Request, x *Exchange) (whole bool, err error) {
	if bodyless(resp, req) {
		return true, nil
	}
	// resp.Body is not closed before all of it was read: its Close reads what is
	// left, which a server can make endless. Whoever leaves some of it closes the
	// connection.
	if req.Discard {
		_, err := io.Copy(io.Discard, resp.Body)
		return err == nil, err
	}
	if resp.ContentLength > c.transport.config.MaxBody {
		return false, ErrBodyTooLarge
	}
	body, err := decoded(resp)
	if err != nil {
		return false, err
	}
	if d, ok := body.(decoder); ok {
		defer func() { _ = d.Close() }()
	}
	if x.Body, err = c.keep(body, resp); err != nil {
		return false, err
	}
	// What a decoder left, and the end of a chunked body.
	n, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 4096))
	return err == nil && n < 4096, nil
}

// bodyless reports whether there is nothing to read. Not even an empty body is
// what its encoding says, as k6 sees it.
func bodyless(resp *http.Response, req *Request) bool {
	switch {
	case req.Method == http.MethodHead, resp.StatusCode == http.StatusNoContent, resp.StatusCode == http.StatusNotModified:
		return true
	}
	return resp.Body == http.NoBody && resp.Header.Get("Content-Encoding") == ""
}

// maxTrusted is how many bytes are made room for because a server says that they
// will come.
const maxTrusted = 1 << 20

// keep reads a body and returns what came of it, also with an error.
func (c *Client) keep(body io.Reader, resp *http.Response) ([]byte, error) {
	if body == resp.Body && resp.ContentLength > 0 && resp.ContentLength <= maxTrusted {
		b := make([]byte, resp.ContentLength)
		n, err := io.ReadFull(body, b)
		return b[:n], err
	}
	limit := c.transport.config.MaxBody
	b, err := c.readAll(io.LimitReader(body, limit+1))
	if int64(len(b)) > limit {
		return nil, ErrBodyTooLarge
	}
	return b, err
}

// readAll reads into a shared buffer and returns a copy of the right size, or the
// buffer itself where that has become large.
func (c *Client) readAll(r io.Reader) ([]byte, error) {
	scratch := c.transport.pools.buffer()
	defer c.transport.pools.putBuffer(scratch)
	b := (*scratch)[:0]
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			if cap(b) > 2*maxJoined {
				return b, err
			}
			*scratch = b
			return append([]byte{}, b...), err
		}
	}
}

// decoded returns a reader of the body as it was before its Content-Encoding.
// An encoding that is not known leaves the body as it came.
func decoded(resp *http.Response) (io.Reader, error) {
	encoding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding")))
	switch encoding {
	case "gzip", "x-gzip":
		r, err := gzip.NewReader(resp.Body)
		if err != nil {
			return nil, &decodeError{err}
		}
		return decoder{r}, nil
	case "deflate":
		return deflated(resp.Body)
	case "br":
		return decoder{io.NopCloser(brotli.NewReader(resp.Body))}, nil
	case "zstd":
		r, err := zstd.NewReader(resp.Body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20))
		if err != nil {
			return nil, &decodeError{err}
		}
		return decoder{r.IOReadCloser()}, nil
	}
	return resp.Body, nil
}

// deflated reads zlib, which the standard means by deflate, or raw deflate,
// which some servers send.
func deflated(body io.Reader) (io.Reader, error) {
	br := bufio.NewReader(body)
	start, _ := br.Peek(2)
	if len(start) == 2 && start[0]&0x0f == 8 && (uint(start[0])<<8|uint(start[1]))%31 == 0 {
		r, err := zlib.NewReader(br)
		if err != nil {
			return nil, &decodeError{err}
		}
		return decoder{r}, nil
	}
	return decoder{flate.NewReader(br)}, nil
}

// decoder marks what goes wrong in decoding as such.
type decoder struct{ io.ReadCloser }

func (d decoder) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !isTimeout(err) {
		err = &decodeError{err}
	}
	return n, err
}
