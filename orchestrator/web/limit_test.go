package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/web"
)

// from asks h as somebody at an address; head holds further headers.
func from(h http.Handler, address, path string, head ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, path, nil)
	req.RemoteAddr = address
	for i := 0; i+1 < len(head); i += 2 {
		req.Header.Add(head[i], head[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// limited serves the pages with limits. Its time is a bubble's.
func limited(l web.Limits) http.Handler {
	c := operated().config()
	c.Limits = l
	return web.New(c)
}

// spend asks until it is refused, and returns how many answers came before.
func spend(t *testing.T, h http.Handler, address, path string, head ...string) int {
	t.Helper()
	for n := range 10_000 {
		if w := from(h, address, path, head...); w.Code == http.StatusTooManyRequests {
			return n
		}
	}
	t.Fatal("never refused")
	return 0
}

func TestEachAddressHasItsRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := limited(web.Limits{PerAddress: 5})
		require.Equal(t, 20, spend(t, h, "192.0.2.1:1000", "/"), "four seconds' worth at once")
		for path, kind := range map[string]string{"/": "text/plain; charset=utf-8", "/teams/good": "text/plain; charset=utf-8", "/api/v1/results": "application/json"} {
			w := from(h, "192.0.2.1:2000", path)
			require.Equal(t, http.StatusTooManyRequests, w.Code, "%s: a port is no other reader", path)
			assert.Equal(t, kind, w.Header().Get("Content-Type"), path)
			assert.Contains(t, strings.ToLower(w.Body.String()), "too many requests", path)
			assert.NotEmpty(t, w.Header().Get("Content-Security-Policy"), path)
			wait, err := strconv.Atoi(w.Header().Get("Retry-After"))
			require.NoError(t, err)
			assert.Equal(t, 1, wait)
		}
		assert.Equal(t, http.StatusOK, from(h, "192.0.2.2:1000", "/").Code, "another address")
		assert.Equal(t, http.StatusOK, from(h, "192.0.2.1:1000", "/healthz").Code, "probes have a rate of their own")
		require.Equal(t, 19, spend(t, h, "192.0.2.1:1000", "/readyz"), "which is bounded too")

		time.Sleep(time.Second)
		require.Equal(t, 5, spend(t, h, "192.0.2.1:1000", "/"), "after a second")
	})
}

func TestAllAddressesShareARate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := limited(web.Limits{PerAddress: 5, Overall: 10})
		answered := 0
		for i := range 100 {
			if from(h, fmt.Sprintf("192.0.2.%d:1", i), "/api/v1/runs").Code == http.StatusOK {
				answered++
			}
		}
		require.Equal(t, 40, answered)
		assert.Equal(t, http.StatusOK, from(h, "198.51.100.1:1", "/api/v1/runs", "Authorization", "Bearer "+token).Code, "organisers are not shut out by a crowd")
		assert.Equal(t, http.StatusOK, from(h, "198.51.100.1:1", "/readyz").Code, "nor are probes")
		time.Sleep(time.Second)
		assert.Equal(t, http.StatusOK, from(h, "198.51.100.1:1", "/api/v1/runs").Code)
	})
}

// Who is asked for decides the limit, and a reader must not choose who that is.
func TestWhoAsksBehindProxies(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	const forwarded = "X-Forwarded-For"
	rows := map[string]struct {
		address string // of the connection
		head    []string
		same    []string // a header that must name the same reader
		other   []string // and one that must name another
	}{
		"a proxy tells who asks":         {"10.1.2.3:80", []string{forwarded, "192.0.2.1"}, []string{forwarded, " 192.0.2.1 "}, []string{forwarded, "192.0.2.2"}},
		"what stands before is a claim":  {"10.1.2.3:80", []string{forwarded, "203.0.113.9, 192.0.2.1"}, []string{forwarded, "198.51.100.7, 192.0.2.1"}, []string{forwarded, "192.0.2.1, 192.0.2.2"}},
		"through two proxies":            {"10.1.2.3:80", []string{forwarded, "192.0.2.1, 10.9.9.9"}, []string{forwarded, "192.0.2.1"}, []string{forwarded, "192.0.2.2, 10.9.9.9"}},
		"in two headers":                 {"10.1.2.3:80", []string{forwarded, "192.0.2.5", forwarded, "192.0.2.1"}, []string{forwarded, "192.0.2.1"}, []string{forwarded, "192.0.2.1", forwarded, "192.0.2.5"}},
		"a proxy's address within IPv6":  {"[::ffff:10.1.2.3]:80", []string{forwarded, "192.0.2.1"}, []string{forwarded, "::ffff:192.0.2.1"}, []string{forwarded, "192.0.2.2"}},
		"a network of IPv6 is a reader":  {"[fd00::1]:80", []string{forwarded, "2a00:1450:4001:81b::1"}, []string{forwarded, "2a00:1450:4001:81b:ffff::2"}, []string{forwarded, "2a00:1450:4001:81c::1"}},
		"garbage is the proxy's own":     {"10.1.2.3:80", []string{forwarded, "<script>"}, nil, []string{forwarded, "192.0.2.1"}},
		"an unknown proxy says nothing":  {"192.0.2.77:80", []string{forwarded, "192.0.2.1"}, []string{forwarded, "192.0.2.2"}, nil},
		"nor without any that is listed": {"198.51.100.4:80", []string{"Forwarded", "for=192.0.2.1"}, []string{"X-Real-Ip", "192.0.2.2"}, nil},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := limited(web.Limits{PerAddress: 1, TrustedProxies: proxies})
				require.Equal(t, 4, spend(t, h, row.address, "/", row.head...))
				assert.Equal(t, http.StatusTooManyRequests, from(h, row.address, "/", row.same...).Code)
				if row.other != nil {
					assert.Equal(t, http.StatusOK, from(h, row.address, "/", row.other...).Code)
				}
			})
		})
	}
}

// An attacker with many addresses costs a bounded memory, and pushes nobody out
// who was there before.
func TestManyAddressesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := limited(web.Limits{PerAddress: 1})
		require.Equal(t, 4, spend(t, h, "192.0.2.1:1", "/healthz"))
		refused := 0
		for i := range 3 * web.MostAddresses {
			if from(h, fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255), "/healthz").Code != http.StatusOK {
				refused++
			}
		}
		assert.Equal(t, 2*web.MostAddresses+1-4, refused, "the rest shares one rate")
		assert.Equal(t, http.StatusTooManyRequests, from(h, "192.0.2.1:1", "/healthz").Code, "and nobody was forgotten who had used theirs up")
		time.Sleep(5 * time.Second)
		assert.Equal(t, http.StatusOK, from(h, "203.0.113.1:1", "/healthz").Code)
		assert.Equal(t, 4, spend(t, h, "203.0.113.2:1", "/healthz"), "those who went are forgotten, and there is room again")
	})
}
