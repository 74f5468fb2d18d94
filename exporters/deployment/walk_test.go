package deployment_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/deployment"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
)

// sample serves a sample team's service and returns its URL.
func sample(t *testing.T, world *biletter.World, kind biletter.Kind) string {
	t.Helper()
	service, err := biletter.New(kind, biletter.Options{Delay: 20 * time.Millisecond, World: world})
	require.NoError(t, err)
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- service.Serve(ctx, ln) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-served) })
	return "http://" + ln.Addr().String()
}

// What each sample team shows. Rule "http" is given an endpoint with a path.
func TestSampleTeams(t *testing.T) {
	t.Parallel()
	world, err := biletter.NewWorld(time.Now())
	require.NoError(t, err)
	rows := map[biletter.Kind]contest.Status{
		biletter.Good: contest.Passed, biletter.Slow: contest.Passed, biletter.Oversold: contest.Passed, biletter.Leaky: contest.Passed,
		biletter.Flaky: contest.Passed, // one of its twelve answers is a 500
		biletter.Down:  contest.Failed, biletter.Empty: contest.NoData,
	}
	for kind, want := range rows {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			for _, rule := range []deployment.Rules{httpRule(), dayRule()} {
				home, path := "", ""
				switch kind {
				case biletter.Down:
					home = refused(t)
				case biletter.Empty:
				default:
					home, path = sample(t, world, kind), "/api/events?page=1"
				}
				c := config()
				c.Reset, c.Lease = true, free
				v := measure(t, home+path, c, rule)
				require.Equal(t, want, v.Status)
				if kind == biletter.Good {
					total := map[string]int{deployment.RuleHTTP: 4, deployment.RuleEndpoints: 13}[rule.Rule]
					require.Equal(t, total, v.Metrics["workingEndpoints"], "%v", v.Findings)
					require.Equal(t, map[string]int{deployment.RuleHTTP: 1, deployment.RuleEndpoints: 100}[rule.Rule], v.Score)
				}
			}
		})
	}
}

// recorder remembers what it was asked.
type recorder struct {
	mu    sync.Mutex
	asked []string
	next  http.Handler
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	user, password, _ := req.BasicAuth()
	r.mu.Lock()
	r.asked = append(r.asked, fmt.Sprintf("%s %s %s:%s %s", req.Method, req.URL, user, password, body))
	r.mu.Unlock()
	if r.next != nil {
		r.next.ServeHTTP(w, req)
	}
}

func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := r.asked
	r.asked = nil
	return asked
}

func TestWalkAsksInOrder(t *testing.T) {
	t.Parallel()
	day := []string{
		"GET /api/events?page=1&pageSize=20 test:test ",
		`POST /api/bookings test:test {"event_id":1}`,
		"GET /api/bookings test:test ",
		`PATCH /api/bookings/initiatePayment test:test {"booking_id":1}`,
		`PATCH /api/bookings/cancel test:test {"booking_id":1}`,
		"GET /api/seats?event_id=1&page=1&pageSize=20 test:test ",
		`PATCH /api/seats/select test:test {"booking_id":1,"seat_id":1}`,
		`PATCH /api/seats/release test:test {"seat_id":1}`,
		"GET /api/payments/success?orderId=1 test:test ",
		"GET /api/payments/fail?orderId=1 test:test ",
		`POST /api/payments/notifications test:test {"paymentId":"probe","status":"success","teamSlug":"probe","timestamp":"2025-08-15T00:00:00Z","data":{}}`,
		"GET /api/analytics?id=1 test:test ",
		"POST /api/reset test:test ",
	}
	r := &recorder{}
	home := serve(t, r)
	c := config()
	c.Reset, c.Lease = true, free
	measure(t, home+"/some/path", c, dayRule())
	require.Equal(t, day, r.take())

	c.Reset = false
	v := measure(t, home+"/some/path", c, dayRule())
	require.Equal(t, day[:12], r.take())
	require.Equal(t, 12, v.Metrics["totalEndpoints"])
	require.Contains(t, finding(v, "/api/reset").Sentence, "is not called and not counted")

	// Rule http only reads, whatever is configured.
	c.Reset = true
	measure(t, home+"/some/path?a=b", c, httpRule())
	require.Equal(t, []string{"GET /some/path?a=b : ", day[0], day[2], day[5], day[11]}, r.take())

	_, err := deployment.New(deployment.Config{Reset: true}, dayRule())
	require.ErrorContains(t, err, "nothing says when a load run is under way")
}

// A redirect is an answer of the walk, and wanted from initiatePayment.
func TestWalkFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	r := &recorder{next: http.RedirectHandler("/elsewhere", http.StatusFound)}
	v := measure(t, serve(t, r), config(), dayRule())
	require.Len(t, r.take(), 12)
	require.Equal(t, 1, v.Metrics["workingEndpoints"])
	require.Equal(t, contest.OutcomePassed, finding(v, "PATCH /api/bookings/initiatePayment").Outcome)
}

// A service that never answers is not waited for thirteen times; one that
// answers late keeps what it has shown by the time that is over.
func TestWalkEnds(t *testing.T) {
	t.Parallel()
	c := config()
	c.CallTimeout = 50 * time.Millisecond
	v := measure(t, speak(t, sayAndHang("")), c, dayRule())
	require.Equal(t, contest.Failed, v.Status)
	require.Contains(t, finding(v, "GET /api/bookings").Sentence, "no answer within 50ms")
	require.Contains(t, finding(v, "GET /api/seats").Sentence, "nothing before it gave an answer")

	var calls atomic.Int32
	stuck := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if calls.Add(1) > 8 {
			<-r.Context().Done()
		}
	}))
	c = config()
	c.Timeout = time.Second
	v = measure(t, stuck, c, dayRule())
	require.LessOrEqual(t, v.Metrics["workingEndpoints"], 8)
	require.Contains(t, finding(v, "GET /api/analytics").Sentence, "the time for this team was over")

	c = config()
	c.HTTPTimeout = 50 * time.Millisecond
	v = measure(t, speak(t, sayAndHang("")), c, httpRule())
	require.Equal(t, 4, v.Metrics["totalEndpoints"])
	require.Contains(t, finding(v, "GET /api/events").Sentence, "the endpoint itself gave no answer")
}

// A team that was working is not failed, reset or walked by a round that meets a
// load run; what was seen of it before stays.
func TestUnderLoad(t *testing.T) {
	t.Parallel()
	var loaded, broken atomic.Bool
	var target atomic.Value
	lease := func(_ context.Context, at string) (func(), bool) {
		target.Store(at)
		return func() {}, !loaded.Load()
	}
	r := &recorder{next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})}
	home := serve(t, r)
	c := config()
	c.Reset, c.Lease = true, lease
	day, plain := exporter(t, c, dayRule()), exporter(t, c, httpRule())
	require.Equal(t, contest.Passed, one(t, day, at(home)).Status)
	first := one(t, plain, at(home+"/app"))
	require.Equal(t, contest.Passed, first.Status)
	require.Equal(t, home, "http://"+target.Load().(string))
	r.take()

	loaded.Store(true)
	v := one(t, day, at(home))
	require.True(t, v.Invalid)
	require.Equal(t, contest.OutcomeInvalid, finding(v, "under load").Outcome)
	require.Empty(t, r.take(), "nothing at all is sent")

	v = one(t, plain, at(home+"/app"))
	require.False(t, v.Invalid)
	require.Equal(t, contest.Passed, v.Status)
	require.Equal(t, first.Metrics["endpointResults"], v.Metrics["endpointResults"])
	require.Contains(t, finding(v, "under load").Sentence, "those shown are of "+first.At.UTC().Format("2 January 2006 15:04 MST"))
	require.Equal(t, []string{"GET /app : "}, r.take(), "a plain GET needs no lease")

	broken.Store(true)
	v = one(t, plain, at(home+"/app"))
	require.True(t, v.Invalid, "our own load may be why")
	require.Contains(t, finding(v, "under load").Sentence, "nothing is held against it")

	loaded.Store(false)
	require.Equal(t, contest.Failed, one(t, plain, at(home+"/app")).Status)
	require.Equal(t, contest.Failed, one(t, day, at(home)).Status)

	// Elsewhere, what was seen here says nothing.
	broken.Store(false)
	one(t, plain, at(home+"/app"))
	loaded.Store(true)
	v = one(t, plain, at(serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))))
	require.Equal(t, 0, v.Metrics["totalEndpoints"])
}

// Load runs begin and end at any moment; no walk ever meets one, and teams that
// share a target are not in each other's way.
func TestLeaseKeepsLoadAndWalksApart(t *testing.T) {
	t.Parallel()
	var host sync.Mutex // the target's lease
	var loading atomic.Bool
	var met, skipped atomic.Int32
	home := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if loading.Load() && r.URL.Path != "/app" {
			met.Add(1)
		}
	}))
	c := config()
	c.Reset, c.Workers = true, 8
	c.Lease = func(context.Context, string) (func(), bool) {
		if !host.TryLock() {
			return nil, false
		}
		return host.Unlock, true
	}
	x := exporter(t, c, dayRule())
	teams := make([]contest.Team, 8)
	for i := range teams {
		teams[i] = contest.Team{Slug: contest.Slug(fmt.Sprint("team", i)), Endpoint: home}
	}
	for range 3 {
		require.NoError(t, x.Measure(t.Context(), teams, func(v contest.Verdict) {
			require.Equal(t, contest.Passed, v.Status, "%v", v.Findings)
		}))
		require.True(t, host.TryLock(), "every lease is given back")
		host.Unlock()
	}
	ctx, cancel := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() {
		for ctx.Err() == nil {
			host.Lock()
			loading.Store(true)
			time.Sleep(2 * time.Millisecond)
			loading.Store(false)
			host.Unlock()
			time.Sleep(2 * time.Millisecond)
		}
	})
	for range 20 {
		require.NoError(t, x.Measure(t.Context(), teams, func(v contest.Verdict) {
			if v.Invalid {
				skipped.Add(1)
			}
		}))
	}
	cancel()
	load.Wait()
	require.Zero(t, met.Load())
	t.Logf("%d of %d looks were skipped", skipped.Load(), 20*len(teams))
}

func TestFurtherEvidence(t *testing.T) {
	t.Parallel()
	home := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	const promql = `up{namespace="$team"}`
	rows := map[string]struct {
		slug    contest.Slug
		samples []contest.Sample
		err     error
		outcome contest.Outcome
		want    string
	}{
		"a value":        {"team", []contest.Sample{{Value: 3}}, nil, contest.OutcomePassed, "from Prometheus: 3. It decides nothing."},
		"zero":           {"team", []contest.Sample{{Value: 0}}, nil, contest.OutcomePassed, "from Prometheus: 0"},
		"nothing":        {"team", nil, nil, contest.OutcomeWarning, "gave 0 values"},
		"more than one":  {"team", make([]contest.Sample, 2), nil, contest.OutcomeWarning, "gave 2 values"},
		"no number":      {"team", []contest.Sample{{Value: nan()}}, nil, contest.OutcomeWarning, "gave no number"},
		"a histogram":    {"team", []contest.Sample{{Histogram: &contest.Histogram{}}}, nil, contest.OutcomeWarning, "instead of one"},
		"an error":       {"team", nil, fmt.Errorf("ask https://user:secret@host"), contest.OutcomeWarning, "Prometheus gave no answer"},
		"slug that ends": {`team"} or up{x="`, nil, nil, contest.OutcomeWarning, "cannot stand in a query"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config()
			c.Evidence = promql
			c.Query = func(ctx context.Context, got string) ([]contest.Sample, error) {
				_, bounded := ctx.Deadline()
				require.True(t, bounded)
				require.Equal(t, `up{namespace="team"}`, got)
				return row.samples, row.err
			}
			v := one(t, exporter(t, c, httpRule()), contest.Team{Slug: row.slug, Endpoint: home})
			require.Equal(t, contest.Passed, v.Status)
			require.Equal(t, row.outcome, finding(v, "evidence").Outcome)
			require.Contains(t, finding(v, "evidence").Sentence, row.want)
		})
	}
	_, err := deployment.New(deployment.Config{Evidence: "up"}, httpRule())
	require.ErrorContains(t, err, "needs a Prometheus")
	_, err = deployment.New(deployment.Config{Evidence: "up", Query: func(context.Context, string) ([]contest.Sample, error) { return nil, nil }}, httpRule())
	require.ErrorContains(t, err, "does not say whose")
}

func nan() float64 {
	zero := 0.0
	return zero / zero
}
