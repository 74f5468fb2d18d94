package deployment_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// certificate signs itself for 127.0.0.1 and is good from an hour ago.
func certificate(t *testing.T, until time.Duration, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{"Lab"}},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(until), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func serveTLS(t *testing.T, cert tls.Certificate, newest uint16) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS10, MaxVersion: newest}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func TestTLS(t *testing.T) {
	t.Parallel()
	const year = 365 * 24 * time.Hour
	rows := map[string]struct {
		until   time.Duration
		newest  uint16
		trusted bool
		host    string
		passes  bool
		outcome contest.Outcome
		want    string
	}{
		"good":          {year, tls.VersionTLS13, true, "", true, contest.OutcomePassed, `The connection is TLS 1.3; the certificate of "Lab good" is good until`},
		"older version": {year, tls.VersionTLS12, true, "", true, contest.OutcomePassed, "The connection is TLS 1.2"},
		"ends soon":     {72 * time.Hour, tls.VersionTLS13, true, "", true, contest.OutcomeWarning, "is good until"},
		"expired":       {-24 * time.Hour, tls.VersionTLS13, true, "", false, contest.OutcomeFailed, `The certificate has expired or is not valid yet (of "Lab expired", until`},
		"not trusted":   {year, tls.VersionTLS13, false, "", false, contest.OutcomeFailed, "is signed by nobody that browsers know"},
		"other name":    {year, tls.VersionTLS13, true, "localhost", false, contest.OutcomeFailed, "is for another host name"},
		"too old":       {year, tls.VersionTLS11, true, "", false, contest.OutcomeFailed, "the handshake failed"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cert := certificate(t, row.until, name)
			c := config()
			c.Roots = x509.NewCertPool()
			if row.trusted {
				c.Roots.AddCert(cert.Leaf)
			}
			endpoint := serveTLS(t, cert, row.newest)
			if row.host != "" {
				endpoint = strings.Replace(endpoint, "127.0.0.1", row.host, 1)
			}
			v := measure(t, endpoint, c, httpRule())
			require.Equal(t, map[bool]contest.Status{true: contest.Passed, false: contest.Failed}[row.passes], v.Status)
			require.False(t, v.Invalid)
			require.Equal(t, row.outcome, finding(v, "tls").Outcome)
			require.Contains(t, finding(v, "tls").Sentence, row.want)
			if row.want != "the handshake failed" {
				require.InDelta(t, row.until.Hours()/24, finding(v, "tls").Value, 1)
			}
		})
	}
	plain := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	v := measure(t, strings.Replace(plain, "http:", "https:", 1), config(), httpRule())
	require.Contains(t, finding(v, "http").Sentence, "does not speak TLS")
	require.Equal(t, contest.OutcomeWarning, finding(measure(t, plain, config(), httpRule()), "tls").Outcome)
}
