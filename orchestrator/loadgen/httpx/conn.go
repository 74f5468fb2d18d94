package httpx

import (
	"bufio"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// hostKey identifies the place that a connection leads to.
type hostKey struct {
	host, port string
	tls        bool
}

// conn is one connection with the reader that parses its answers.
type conn struct {
	net.Conn // what is read and written: wire, or TLS over it
	wire     *wire
	key      hostKey
	remote   netip.AddrPort
	secure   TLS
	h2       bool // what was agreed on is HTTP/2
	used     bool // an answer was read from it before

	left      int64     // header bytes that may still come; negative: no bound
	firstByte time.Time // when the first byte of the answer came
	got       bool      // some byte of the answer came
}

// Read notes when the first byte comes and bounds the bytes of headers.
func (c *conn) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, ErrHeaderTooLarge
	}
	if c.left > 0 && int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		if !c.got {
			c.got, c.firstByte = true, time.Now()
		}
		if c.left > 0 {
			c.left -= int64(n)
		}
	}
	return n, err
}

// wire counts the bytes that cross the network, TLS included.
type wire struct {
	net.Conn
	times          Timings // how it came about
	sent, received atomic.Int64
}

// take returns the bytes since it was last called.
func (w *wire) take() (sent, received int64) { return w.sent.Swap(0), w.received.Swap(0) }

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.received.Add(int64(n))
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.sent.Add(int64(n))
	return n, err
}

// readers and buffers are shared by all connections, so that an idle
// connection holds no buffer.
type pools struct{ readers, scratch sync.Pool }

func (p *pools) reader(c *conn) *bufio.Reader {
	if r, ok := p.readers.Get().(*bufio.Reader); ok {
		r.Reset(c)
		return r
	}
	return bufio.NewReaderSize(c, 4096)
}

func (p *pools) putReader(r *bufio.Reader) {
	r.Reset(nil)
	p.readers.Put(r)
}
