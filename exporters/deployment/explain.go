package deployment

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// explain says in a clause why a call got no answer, without the server's own
// words and without its address: findings are public. A certificate that was
// refused is shown.
func explain(err error, limit time.Duration) (Failure, string, *TLS) {
	var refused refusal
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.As(err, &refused):
		return Hidden, "its address is not a public one, so it was not called", nil
	case ours(err):
		return Ours, "our own network could not make the call", nil
	case errors.As(err, &dns) && dns.IsNotFound:
		return Gone, "its host name does not exist", nil
	case errors.As(err, &dns):
		return Ours, "its host name could not be looked up", nil
	case errors.As(err, &cert):
		shown := shownBy(&tls.ConnectionState{PeerCertificates: cert.UnverifiedCertificates})
		shown.Version, shown.Problem = "", distrust(cert.Err)
		return Certificate, "its certificate " + shown.Problem, shown
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Timeout, silence(limit), nil
	case errors.Is(err, context.Canceled):
		return Ours, "we stopped before there was an answer", nil
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused, "the connection was refused", nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Closed, "the connection was closed without an answer", nil
	}
	return explainTalk(err)
}

func silence(limit time.Duration) string { return fmt.Sprintf("there was no answer within %s", limit) }

// explainTalk sorts what went wrong on a connection that stood.
func explainTalk(err error) (Failure, string, *TLS) {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var op *net.OpError
	text := err.Error()
	switch {
	case errors.As(err, &record):
		return Garbled, "it does not speak TLS there", nil
	case errors.As(err, &alert), strings.Contains(text, "tls: "):
		return Garbled, "the TLS handshake failed", &TLS{Problem: "was never shown, as the handshake failed"}
	case strings.Contains(text, "headers exceeded"):
		return Garbled, fmt.Sprintf("its answer's head is larger than %d kB", maxHead>>10), nil
	case errors.As(err, &op) && op.Op == "dial":
		return Unreachable, "its address cannot be reached", nil
	}
	return Garbled, "its answer is not HTTP", nil
}

// ours reports whether this machine lacks what a call needs.
func ours(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.ENETUNREACH, syscall.ENETDOWN} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// distrust says what is wrong with a certificate.
func distrust(err error) string {
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "has expired or is not valid yet"
	case errors.As(err, &host):
		return "is for another host name"
	case errors.As(err, &authority):
		return "is signed by nobody that browsers know"
	}
	return "is not valid"
}

// shownBy returns what a connection shows of the service, nil without TLS.
func shownBy(c *tls.ConnectionState) *TLS {
	if c == nil {
		return nil
	}
	t := &TLS{Version: tls.VersionName(c.Version)}
	chain := c.PeerCertificates
	if len(c.VerifiedChains) > 0 {
		chain = c.VerifiedChains[0]
	}
	for i, cert := range chain {
		if i == 0 {
			t.Issuer = issuer(cert)
		}
		if t.Expires.IsZero() || cert.NotAfter.Before(t.Expires) {
			t.Expires = cert.NotAfter
		}
	}
	return t
}

// issuer is a certificate's issuer as people know it, short and printable.
func issuer(c *x509.Certificate) string {
	const most = 80 // bytes
	name := c.Issuer.CommonName
	if len(c.Issuer.Organization) > 0 {
		name = strings.TrimSpace(c.Issuer.Organization[0] + " " + name)
	}
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	return strings.ToValidUTF8(name[:min(most, len(name))], "")
}
