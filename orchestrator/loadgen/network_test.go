package loadgen_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// once runs a script with one iteration that must succeed in all its checks.
func once(t *testing.T, script string, args ...string) {
	t.Helper()
	r := newRun(t, "import http from 'k6/http'; import { check } from 'k6';\n"+script)
	code := r.command(t.Context(), append([]string{"run", "test.js", "-q", "--summary-export", "sum.json"}, args...)...)
	require.Equal(t, 0, code, r.log.String())
	assert.Equal(t, 0.0, r.total(t, "checks", "fails"), "%s\n%s", r.out.String(), r.log.String())
	assert.Greater(t, r.total(t, "checks", "passes"), 0.0)
}

func TestHostsAnswerInPlaceOfTheResolver(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Host)) }))
	t.Cleanup(s.Close)
	at := s.Listener.Addr().String()
	_, port, err := net.SplitHostPort(at)
	require.NoError(t, err)
	for name, c := range map[string]struct{ hosts, url, host string }{
		"address and port":        {`{'a.invalid': '` + at + `'}`, "http://a.invalid/", "a.invalid"},
		"address alone":           {`{'a.invalid': '127.0.0.1'}`, "http://a.invalid:" + port + "/", "a.invalid:" + port},
		"host with its port":      {`{'a.invalid:80': '` + at + `'}`, "http://a.invalid/", "a.invalid"},
		"pattern":                 {`{'*.invalid': '` + at + `', '*.b.invalid': '127.0.0.1:1'}`, "http://x.a.invalid/", "x.a.invalid"},
		"the longer pattern wins": {`{'*.invalid': '127.0.0.1:1', '*.a.invalid': '` + at + `'}`, "http://x.a.invalid/", "x.a.invalid"},
		"the exact name wins":     {`{'*.invalid': '127.0.0.1:1', 'x.a.invalid': '` + at + `'}`, "http://X.A.invalid/", "X.A.invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			once(t, `export const options = { hosts: `+c.hosts+` };
				export default function () { const r = http.get('`+c.url+`'); check(r, { ok: r => r.status === 200 && r.body.toLowerCase() === '`+strings.ToLower(c.host)+`' }) }`)
		})
	}
}

func TestBlockedHostNames(t *testing.T) {
	t.Parallel()
	const script = `export default function () { const r = http.get('http://x.a.invalid/'); check(r, {
		code: r => r.error_code === 1111, words: r => r.error.includes('x.a.invalid') && r.error.includes('*.a.invalid') }) }`
	once(t, `export const options = { blockHostnames: ['*.a.invalid'] };`+script)
	once(t, script, "--block-hostnames", "*.a.invalid")
}

func TestRequestsPerSecondAreBounded(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(s.Close)
	began := time.Now()
	once(t, `export const options = { vus: 5, iterations: 21, rps: 40 };
		export default function () { check(http.get('`+s.URL+`'), { ok: r => r.status === 200 }) }`)
	assert.EqualValues(t, 21, asked.Load())
	// The first goes at once, the others not faster than every 25 ms.
	assert.GreaterOrEqual(t, time.Since(began), 20*25*time.Millisecond)
}

func TestLocalAddressesTakeTurns(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	from := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		assert.NoError(t, err)
		mu.Lock()
		defer mu.Unlock()
		from[host]++
	}))
	t.Cleanup(s.Close)
	once(t, `export const options = { iterations: 6, noConnectionReuse: true };
		export default function () { check(http.get('`+s.URL+`'), { ok: r => r.status === 200 }) }`, "--local-ips", "127.0.0.2-127.0.0.3,127.0.0.8/32")
	assert.Equal(t, map[string]int{"127.0.0.2": 2, "127.0.0.3": 2, "127.0.0.8": 2}, from)
}

// certificate makes one for a client, as PEM.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

func TestTLSOptions(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"version": r.TLS.Version, "suite": r.TLS.CipherSuite, "certificates": len(r.TLS.PeerCertificates)})
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	cert, key := certificate(t)
	auth := func(domains string) string {
		text, err := json.Marshal(map[string]any{"cert": cert, "key": key, "domains": []string{domains}})
		require.NoError(t, err)
		return "tlsAuth: [" + string(text) + "]"
	}
	for name, c := range map[string]struct{ options, holds string }{
		"one version":          {`tlsVersion: 'tls1.2'`, "v.version === 0x0303"},
		"a range":              {`tlsVersion: {min: 'tls1.2', max: 'tls1.3'}`, "v.version === 0x0304"},
		"cipher suites":        {`tlsVersion: 'tls1.2', tlsCipherSuites: ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384']`, "v.suite === 0xc030"},
		"no certificate":       {`throw: true`, "v.certificates === 0"},
		"certificate":          {auth("127.0.0.*"), "v.certificates === 0"},
		"certificate for host": {auth("*.0.0.1"), "v.certificates === 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			once(t, `export const options = { insecureSkipTLSVerify: true, `+c.options+` };
				export default function () { const v = http.get('`+s.URL+`').json(); check(v, { holds: v => `+c.holds+` }) }`)
		})
	}
}

func TestBadNetworkOptions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ options, says string }{
		"host that is none":     {`hosts: {'a': 'b'}`, `options.hosts: a: "b" is neither an address nor address:port`},
		"star in the middle":    {`hosts: {'a.*.b': '127.0.0.1'}`, "first letter"},
		"select":                {`dns: {select: 'best'}`, `options.dns: select: "best"`},
		"policy":                {`dns: {policy: 'IPv5'}`, `policy: "IPv5"`},
		"ttl":                   {`dns: {ttl: 'soon'}`, `ttl: "soon" is not a duration`},
		"batch of nothing":      {`batch: 0`, "options.batch: 0 is not a whole number of at least 1"},
		"negative rate":         {`rps: -1`, "options.rps"},
		"TLS version":           {`tlsVersion: 'ssl3'`, `"ssl3": want tls1.0`},
		"TLS range":             {`tlsVersion: {min: 'tls1.3', max: 'tls1.2'}`, "min is higher than max"},
		"cipher suite":          {`tlsCipherSuites: ['ROT13']`, `"ROT13" is no cipher suite`},
		"certificate of air":    {`tlsAuth: [{cert: 'x', key: 'secret-key'}]`, "certificate 1: cert and key are no pair"},
		"address range":         {`localIPs: '192.0.2.9-192.0.2.1'`, "is no address, range or CIDR"},
		"range without an end":  {`localIPs: '10.0.0.0/8'`, "more than 4096 addresses"},
		"a list for a text":     {`localIPs: ['127.0.0.1']`, "options.localIPs: want a text"},
		"hosts that are a list": {`hosts: ['127.0.0.1']`, "options.hosts: want an object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, `export const options = { `+c.options+` }; export default function () {}`)
			assert.Equal(t, 104, r.command(t.Context(), "run", "test.js", "-q"))
			assert.Contains(t, r.log.String(), c.says)
			assert.NotContains(t, r.log.String(), "secret-key")
		})
	}
}
