package deployment_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/hackload-kz/hackload/exporters/deployment"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/target"
)

// zone answers what a name leads to at its n-th look-up, counted from 0.
type zone func(name string, n int) ([]string, dnsmessage.RCode)

// nameServer returns a resolver that asks a server with the zone.
func nameServer(t *testing.T, z zone) *net.Resolver {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		asked := map[string]int{}
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if reply := answerDNS(buffer[:n], z, asked); reply != nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	})
	t.Cleanup(func() { conn.Close(); wg.Wait() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func answerDNS(query []byte, z zone, asked map[string]int) []byte {
	var m dnsmessage.Message
	if m.Unpack(query) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	name := strings.TrimSuffix(q.Name.String(), ".")
	n := asked[name]
	if q.Type == dnsmessage.TypeA {
		asked[name]++ // each look-up asks for IPv4 and IPv6, in any order
	} else {
		n = max(0, n-1)
	}
	addrs, code := z(name, n)
	m.Response, m.RecursionAvailable, m.RCode, m.Additionals = true, true, code, nil
	for _, text := range addrs {
		if q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
				Body:   &dnsmessage.AResource{A: netip.MustParseAddr(text).As4()},
			})
		}
	}
	reply, err := m.Pack()
	if err != nil {
		return nil
	}
	return reply
}

func TestNames(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		zone    zone
		status  contest.Status // of rule http
		day     contest.Status // of rule endpoints
		invalid bool
		want    string
	}{
		"no such name": {
			func(string, int) ([]string, dnsmessage.RCode) { return nil, dnsmessage.RCodeNameError },
			contest.Failed, contest.NoData, false, "The endpoint's host name does not exist.",
		},
		"a name without addresses": {
			func(string, int) ([]string, dnsmessage.RCode) { return nil, dnsmessage.RCodeSuccess },
			contest.Failed, contest.NoData, false, "The endpoint's host name does not exist.",
		},
		"server failure": {
			func(string, int) ([]string, dnsmessage.RCode) { return nil, dnsmessage.RCodeServerFailure },
			contest.NoData, contest.NoData, true, "could not be looked up",
		},
		"only private": {
			func(string, int) ([]string, dnsmessage.RCode) {
				return []string{"127.0.0.1", "10.0.0.1"}, dnsmessage.RCodeSuccess
			},
			contest.Failed, contest.Failed, false, "not a public one, so it was not called",
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for rule, status := range map[deployment.Rules]contest.Status{httpRule(): row.status, dayRule(): row.day} {
				c := config()
				c.Guard, c.Resolver = target.Guard{}, nameServer(t, row.zone)
				v := measure(t, "http://team.example.test/", c, rule)
				require.Equal(t, status, v.Status)
				require.Equal(t, row.invalid, v.Invalid)
				require.Zero(t, v.Score)
				require.Contains(t, finding(v, "endpoint").Sentence, row.want)
			}
		})
	}
}

func TestNameThatLeadsHome(t *testing.T) {
	t.Parallel()
	home := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Host, "xn--90aiim0b4c.xn--80ao21a:") {
			w.WriteHeader(http.StatusMisdirectedRequest)
		}
	}))
	c := config()
	c.Guard = target.Guard{Allowed: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	c.Resolver = nameServer(t, func(name string, _ int) ([]string, dnsmessage.RCode) {
		if name != "xn--90aiim0b4c.xn--80ao21a" {
			return nil, dnsmessage.RCodeNameError
		}
		return []string{"127.0.0.1", "10.1.2.3"}, dnsmessage.RCodeSuccess
	})
	v := measure(t, "http://билеты.қаз"+home[strings.LastIndex(home, ":"):], c, httpRule())
	require.Equal(t, contest.Passed, v.Status)
	require.InDelta(t, 2, finding(v, "dns").Value, 0)
	require.Contains(t, finding(v, "dns").Sentence, "leads to 2 addresses, of which 1 cannot be called")
}

// A name that leads to the inside only when it is looked up again is caught on
// the connection itself.
func TestSecondLookUpDiffers(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	home := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	port := home[strings.LastIndex(home, ":"):]
	for _, rule := range []deployment.Rules{httpRule(), dayRule()} {
		c := config()
		c.Guard = target.Guard{}
		c.Resolver = nameServer(t, func(_ string, n int) ([]string, dnsmessage.RCode) {
			if n == 0 {
				return []string{"93.184.215.14"}, dnsmessage.RCodeSuccess // never dialled
			}
			return []string{"127.0.0.1"}, dnsmessage.RCodeSuccess
		})
		v := measure(t, "http://team.example.test"+port, c, rule)
		require.Equal(t, contest.Failed, v.Status)
		require.False(t, v.Invalid)
		found := finding(v, "http")
		if rule.Rule == deployment.RuleEndpoints {
			found = finding(v, "GET /api/events")
		}
		require.Contains(t, found.Sentence, "its address is not a public one, so it was not called")
	}
	require.Zero(t, reached.Load())
}
