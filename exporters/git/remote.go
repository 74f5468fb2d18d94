package git

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"

	"github.com/hackload-kz/hackload/orchestrator/target"
)

const (
	maxRefs = 4 << 20 // bytes of a host's answer: some forty thousand branches
	maxHops = 3       // redirects, as hosts answer to old names with
)

// remote asks a host that the team chose for the branches of a repository, as
// git ls-remote does: over https only, through the guard, bounded in time and
// size, without any credentials.
type remote struct {
	guard   target.Guard
	roots   *x509.CertPool
	timeout time.Duration
}

// look fills in what the host says of f's repository.
func (r remote) look(ctx context.Context, f *Facts) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	refs, err := r.list(ctx, f.Repository)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // whatever the connection says of its end
	}
	if err != nil {
		f.State, f.Reason = r.explain(err)
		return
	}
	for name := range refs.References {
		if strings.HasPrefix(name, "refs/heads/") {
			f.Branches++
		}
	}
	if f.Branches == 0 {
		f.State, f.Reason = Empty, "The repository is empty: it has no branch."
		return
	}
	f.State = Undated
	f.Reason = fmt.Sprintf("The repository can be read and has %s, but its host does not tell when commits were made: only those on GitHub are counted.",
		count(f.Branches, false, "branch", "branches"))
}

func (r remote) list(ctx context.Context, repo Repository) (*packp.AdvRefs, error) {
	u, err := url.Parse(repo.URL())
	if err != nil {
		return nil, errAddress
	}
	port := 0
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil {
			return nil, errAddress
		}
	}
	wire := r.transport()
	defer wire.CloseIdleConnections() // ends a connection that is still being made, too
	client := githttp.NewClientWithOptions(&http.Client{Transport: limited{wire}, CheckRedirect: hop}, &githttp.ClientOptions{
		RedirectPolicy: githttp.FollowInitialRedirects,
	})
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	session, err := client.NewUploadPackSession(&transport.Endpoint{Protocol: "https", Host: host, Port: port, Path: u.Path}, nil)
	if err != nil {
		return nil, err
	}
	refs, err := session.AdvertisedReferencesContext(ctx)
	var unwrappable *plumbing.UnexpectedError
	if errors.As(err, &unwrappable) {
		err = unwrappable.Err
	}
	return refs, errors.Join(err, session.Close())
}

// transport dials what the guard allows, and nothing else.
func (r remote) transport() *http.Transport {
	dialer := &net.Dialer{Timeout: r.timeout, Control: func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return guarded{err}
		}
		if err := r.guard.Check(ap.Addr()); err != nil {
			return guarded{err}
		}
		return nil
	}}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: r.roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    r.timeout,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// guarded is the guard's refusal.
type guarded struct{ error }

func hop(next *http.Request, via []*http.Request) error {
	if len(via) > maxHops || next.URL.Scheme != "https" {
		return errRedirect
	}
	next.URL.User = nil
	return nil
}

// limited reads an answer up to a limit. Further bytes are an error, not an end.
type limited struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (l limited) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &cut{resp.Body, maxRefs}
	return resp, nil
}

type cut struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (c *cut) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errTooLarge
	}
	n, err := c.ReadCloser.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// explain says what went wrong, without the host's own words. The team chose
// the host, so one that is not there is the team's; one that says that it is
// broken or busy is not.
func (r remote) explain(err error) (State, string) {
	var refusal guarded
	var dns *net.DNSError
	var status *githttp.Err
	var network net.Error
	switch {
	case errors.As(err, &refusal):
		return Unreachable, "The repository's host is not a public one, so it was not called."
	case errors.Is(err, transport.ErrEmptyRemoteRepository), errors.Is(err, packp.ErrEmptyAdvRefs):
		return Empty, "The repository is empty: it has no branch."
	case errors.Is(err, transport.ErrRepositoryNotFound), errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		return Missing, "There is no such repository on its host, or it is private: make it public."
	case errors.Is(err, errRedirect):
		return Unreachable, "The repository's host sent us elsewhere, which was not followed."
	case errors.Is(err, errTooLarge):
		return Unreachable, "The repository's host answers with more branches than are read."
	case errors.As(err, &dns) && !dns.IsNotFound:
		return Unmeasured, "The repository's host could not be looked up."
	case errors.As(err, &dns):
		return Unreachable, "The repository's host does not exist."
	case errors.As(err, &status):
		if code := status.StatusCode(); code >= http.StatusInternalServerError || code == http.StatusTooManyRequests {
			return Unmeasured, fmt.Sprintf("The repository's host answered %d.", code)
		}
		return Unreachable, fmt.Sprintf("The repository's host answered %d.", status.StatusCode())
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return Unreachable, fmt.Sprintf("The repository's host did not answer within %s.", r.timeout)
	}
	return Unreachable, "The repository's host cannot be reached over https, or does not speak git."
}
