package spotcheck

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	mostAnswer = 320 << 10 // bytes of an answer, its head included
	mostHead   = 64 << 10
)

// client asks one service. It writes requests by hand, because how they look is
// what this is about: names, order and writing of headers tell clients apart.
type client struct {
	dialer  *net.Dialer
	target  string // host:port
	host    string // as the Host header names it
	secure  bool
	base    string // path before the API's
	own     string // Authorization of the endpoint's own credentials
	timeout time.Duration
	roots   *tls.Config
}

// looker is how a client looks: its request's head, where each %s is the host.
type looker struct {
	name string
	head string
}

const generatorLook = "Host: %s\r\nUser-Agent: " // the rest is put together by newLooks

// looks are those of a load generator, and of people's programs.
type looks struct {
	generator looker
	plain     []looker
}

func newLooks(agent string) looks {
	return looks{
		generator: looker{"the load generator", generatorLook + agent + "\r\nAccept: application/json\r\nContent-Type: application/json\r\n"},
		plain: []looker{
			{"curl", "Host: %s\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n"},
			{"a browser", "Host: %s\r\nConnection: close\r\nAccept: application/json, text/plain, */*\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\nAccept-Language: kk,ru;q=0.8,en;q=0.5\r\n"},
		},
	}
}

func (c *Checker) clientOf(t contest.Team) (*client, error) {
	at, err := t.Target()
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(t.Endpoint)
	if err != nil {
		return nil, errors.New("the endpoint is not a URL") // TargetOf has parsed it
	}
	host, err := idna.Lookup.ToASCII(u.Hostname())
	if err != nil {
		host = u.Hostname() // an address, or a name that no lookup finds
	}
	if strings.ContainsAny(host, " \t\"<>\\") {
		return nil, errors.New("the endpoint's host is no name")
	}
	named := host
	if strings.Contains(host, ":") {
		named = "[" + host + "]"
	}
	if u.Port() != "" {
		named += ":" + u.Port()
	}
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		return nil, err
	}
	k := &client{
		dialer: c.Guard.Dialer(c.Timeout), target: net.JoinHostPort(host, port), host: named, secure: u.Scheme == "https",
		base: strings.TrimRight(u.EscapedPath(), "/"), timeout: c.Timeout, roots: &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, RootCAs: c.Roots},
	}
	if u.User != nil {
		password, _ := u.User.Password()
		k.own = basic(u.User.Username(), password)
	}
	return k, nil
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// call is one request.
type call struct {
	method, path string
	body         string // JSON; empty: none
	as           string // Authorization, in place of the endpoint's own
}

// ask sends a call on a connection of its own, as a looker, and reads what comes
// within the bounds.
func (k *client) ask(ctx context.Context, as looker, r call) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, k.timeout)
	defer cancel()
	conn, err := k.dialer.DialContext(ctx, "tcp", k.target)
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if k.secure {
		secured := tls.Client(conn, k.roots)
		if err := secured.HandshakeContext(ctx); err != nil {
			return answer{}, err
		}
		conn = secured
	}
	if _, err := conn.Write(k.written(as, r)); err != nil {
		return answer{}, err
	}
	bounded := &io.LimitedReader{R: conn, N: mostAnswer}
	head := &headLimit{r: bounded, left: mostHead}
	resp, err := http.ReadResponse(bufio.NewReader(head), &http.Request{Method: r.method})
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	head.left = mostAnswer
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, fmt.Errorf("read the answer: %w", err)
	}
	return readAnswer(resp.StatusCode, body), nil
}

// written is a call as it goes over the wire.
func (k *client) written(as looker, r call) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s%s HTTP/1.1\r\n", r.method, k.base, r.path)
	fmt.Fprintf(&b, as.head, k.host)
	if r.as != "" || k.own != "" {
		own := r.as
		if own == "" {
			own = k.own
		}
		fmt.Fprintf(&b, "Authorization: %s\r\n", own)
	}
	if r.body != "" {
		if !strings.Contains(as.head, "Content-Type") {
			b.WriteString("Content-Type: application/json\r\n")
		}
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.body))
	}
	b.WriteString("\r\n" + r.body)
	return b.Bytes()
}

// headLimit bounds what may be read before the head is complete.
type headLimit struct {
	r    io.Reader
	left int
}

func (h *headLimit) Read(p []byte) (int, error) {
	if h.left <= 0 {
		return 0, errors.New("the answer's head is too long")
	}
	n, err := h.r.Read(p[:min(len(p), h.left)])
	h.left -= n
	return n, err
}
