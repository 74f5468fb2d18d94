package prom

import (
	"fmt"
	"io"
	"net/http"
)

// tooLong is an answer of more bytes than may be read.
type tooLong struct{ most int64 }

func (e tooLong) Error() string { return fmt.Sprintf("it is over %d bytes", e.most) }

// guard is the transport below the API client: it adds the credentials to a
// copy of each request and cuts off an answer that is too long.
type guard struct{ cfg Config }

// RoundTrip sends one request.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	switch {
	case g.cfg.BearerToken != "":
		r.Header.Set("Authorization", "Bearer "+g.cfg.BearerToken)
	case g.cfg.Username != "":
		r.SetBasicAuth(g.cfg.Username, g.cfg.Password)
	}
	response, err := g.cfg.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = &bounded{ReadCloser: response.Body, left: g.cfg.MaxBody, most: g.cfg.MaxBody}
	return response, nil
}

// CloseIdleConnections passes the wish on to the transport.
func (g *guard) CloseIdleConnections() {
	if c, ok := g.cfg.Transport.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// bounded fails, unlike io.LimitReader, when there is more than may be read.
type bounded struct {
	io.ReadCloser
	left, most int64
}

// Read reads on while the bound allows it.
func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, tooLong{b.most}
	}
	return n, err
}
