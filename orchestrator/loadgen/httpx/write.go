package httpx

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/idna"
)

// maxJoined is the largest body that is copied behind the headers, so that
// both leave in one packet.
const maxJoined = 32 << 10

// checkFields refuses what would let a script's text break out of its header.
func checkFields(req *Request) error {
	if !validMethod(req.Method) {
		return fmt.Errorf("net/http: invalid method %q", req.Method)
	}
	for _, f := range req.Header {
		if !httpguts.ValidHeaderFieldName(f.Name) {
			return fmt.Errorf("net/http: invalid header field name %q", f.Name)
		}
		if !httpguts.ValidHeaderFieldValue(f.Value) {
			return fmt.Errorf("net/http: invalid header field value for %q", f.Name)
		}
	}
	return nil
}

func validMethod(m string) bool {
	return m != "" && strings.IndexFunc(m, func(r rune) bool { return !httpguts.IsTokenRune(r) }) < 0
}

// write sends the request in one piece where it is small.
func (c *Client) write(cn *conn, req *Request, cookie string) error {
	scratch := c.transport.pools.buffer()
	defer c.transport.pools.putBuffer(scratch)
	b := c.appendHead((*scratch)[:0], req, cookie)
	rest := req.Body
	if len(rest) <= maxJoined {
		b, rest = append(b, rest...), nil
	}
	*scratch = b
	if _, err := cn.Write(b); err != nil || len(rest) == 0 {
		return err
	}
	_, err := cn.Write(rest)
	return err
}

func (c *Client) appendHead(b []byte, req *Request, cookie string) []byte {
	b = append(b, req.Method...)
	b = append(b, ' ')
	uri := req.URL.RequestURI()
	if uri[0] != '/' && req.URL.Opaque == "" {
		b = append(b, '/')
	}
	b = append(b, uri...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	seen := fieldsSeen{}
	host := req.URL.Host
	for _, f := range req.Header {
		seen.note(f)
		if strings.EqualFold(f.Name, "Host") {
			host = f.Value
		}
	}
	b = append(b, asciiHost(host)...)
	if !seen.agent && c.transport.config.UserAgent != "" {
		b = appendField(b, "User-Agent", c.transport.config.UserAgent)
	}
	if proof := basicProof(req.URL); proof != "" && !seen.authorization {
		b = appendField(b, "Authorization", proof)
	}
	if len(req.Body) > 0 || req.Method == http.MethodPost || req.Method == http.MethodPut || req.Method == http.MethodPatch {
		b = append(b, "\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(req.Body)), 10)
	}
	for _, f := range req.Header {
		if strings.EqualFold(f.Name, "Host") || strings.EqualFold(f.Name, "Content-Length") || strings.EqualFold(f.Name, "Cookie") {
			continue
		}
		b = appendField(b, f.Name, f.Value)
	}
	if cookie != "" {
		b = appendField(b, "Cookie", cookie)
	}
	if c.transport.config.NoConnectionReuse && !seen.connection {
		b = appendField(b, "Connection", "close")
	}
	return append(b, "\r\n\r\n"...)
}

// basicProof is the Authorization that the user of a URL means.
func basicProof(u *url.URL) string {
	if u.User == nil {
		return ""
	}
	password, _ := u.User.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password))
}

// fieldsSeen notes which headers the script sets itself.
type fieldsSeen struct{ agent, authorization, connection bool }

func (s *fieldsSeen) note(f Field) {
	switch {
	case strings.EqualFold(f.Name, "User-Agent"):
		s.agent = true
	case strings.EqualFold(f.Name, "Authorization"):
		s.authorization = true
	case strings.EqualFold(f.Name, "Connection"):
		s.connection = true
	}
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, "\r\n"...)
	b = append(b, name...)
	b = append(b, ": "...)
	return append(b, value...)
}

func asciiHost(host string) string {
	for i := range len(host) {
		if host[i] >= 0x80 {
			if ascii, err := idna.Lookup.ToASCII(host); err == nil {
				return ascii
			}
			break
		}
	}
	return host
}

func (p *pools) buffer() *[]byte {
	if b, ok := p.scratch.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, 4096)
	return &b
}

func (p *pools) putBuffer(b *[]byte) {
	if cap(*b) <= 2*maxJoined {
		p.scratch.Put(b)
	}
}
