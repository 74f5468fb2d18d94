package spotcheck_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
	"github.com/hackload-kz/hackload/orchestrator/spotcheck"
	"github.com/hackload-kz/hackload/orchestrator/target"
	"github.com/hackload-kz/hackload/scenarios"
)

// long is how long anything may take on a busy machine.
const long = 5 * time.Minute

// world is what all sample services start from; it never changes.
var world = sync.OnceValues(func() (*biletter.World, error) { return biletter.NewWorld(time.Now()) })

// service is a real server that counts what it is asked.
type service struct {
	*httptest.Server
	asked atomic.Int64
}

func serve(t *testing.T, h http.Handler) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// sample is a sample team's service.
func sample(t *testing.T, kind biletter.Kind, o biletter.Options) *biletter.Service {
	t.Helper()
	w, err := world()
	require.NoError(t, err)
	o.World = w
	s, err := biletter.New(kind, o)
	require.NoError(t, err)
	return s
}

// desk is a checker at work, and what it wrote down.
type desk struct {
	*spotcheck.Checker
	mu    sync.Mutex
	found []contest.Suspicion
	stop  func()
}

func newDesk(t *testing.T, guard target.Guard) *desk {
	t.Helper()
	users, err := scenarios.SampleUsers()
	require.NoError(t, err)
	var known []spotcheck.User
	for _, u := range slices.Backward(users) {
		if u.Active {
			known = append(known, spotcheck.User{Email: u.Email, Password: u.Password})
		}
	}
	d := &desk{}
	d.Checker = spotcheck.New(spotcheck.Config{
		Guard: guard, Agent: "hackload-loadgen/test", Timeout: long, Every: time.Nanosecond, Users: known,
		Keep: func(_ context.Context, found []contest.Suspicion) error {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.found = append(d.found, found...)
			return nil
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	d.stop = sync.OnceFunc(func() { cancel(); assert.NoError(t, <-done) })
	t.Cleanup(d.stop)
	return d
}

// kinds ends the checker, which judges what it has seen, and lists what it found.
func (d *desk) kinds() (kinds []contest.SuspicionKind) {
	d.stop()
	for _, s := range d.found {
		kinds = append(kinds, s.Kind)
	}
	slices.Sort(kinds)
	return kinds
}

func runOn(endpoint string, c contest.Criterion) contest.Run {
	return contest.Run{
		ID: "run", TestID: contest.NewTestID("team", "search", 1, "x"), Criterion: c,
		Team: contest.Team{Slug: "team", Endpoint: endpoint},
	}
}

// play has a run looked at as the line does, until everything was asked or the
// service has nothing more to say.
func (d *desk) play(t *testing.T, s *service, c contest.Criterion) {
	t.Helper()
	run := runOn(s.URL, c)
	d.Before(t.Context(), run)
	d.press(t, s, run)
	require.LessOrEqual(t, s.asked.Load(), int64(58))
}

// press is the part of a run that is under load.
func (d *desk) press(t *testing.T, s *service, run contest.Run) {
	t.Helper()
	require.Eventually(t, func() bool {
		d.During(run)
		return d.Idle(run) && d.Rounds(run) == 4
	}, long, time.Millisecond)
	asked := s.asked.Load()
	d.During(run)
	d.After(run)
	require.Equal(t, asked, s.asked.Load(), "a run has its rounds and no more")
}

// otherwise lays something over a handler.
func otherwise(next http.Handler, also func(w http.ResponseWriter, r *http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !also(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}

func everyNth(n int64, fail func(w http.ResponseWriter)) func(http.ResponseWriter, *http.Request) bool {
	var asked atomic.Int64
	return func(w http.ResponseWriter, _ *http.Request) bool {
		if asked.Add(1)%n != 0 {
			return false
		}
		fail(w)
		return true
	}
}

func refuse(w http.ResponseWriter) { http.Error(w, "no", http.StatusInternalServerError) }

// short answers with a few events, paged or not.
func short(paged bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		switch {
		case q.Get("query") == "концерт":
			_, _ = w.Write([]byte(`[{"id":1,"title":"Концерт"}]`))
		case q.Get("query") != "" || paged && q.Get("page") != "1":
			_, _ = w.Write([]byte(`[]`))
		default:
			_, _ = w.Write([]byte(`[{"id":1,"title":"Концерт"},{"id":2,"title":"Лекция"}]`))
		}
	})
}

// shuffled answers with other events each time.
func shuffled() http.Handler {
	var n atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"success":true,"events":[{"id":"%d","title":"x"}]}`, n.Add(1))
	})
}

// byAgent answers each kind of client with a list of its own, as a cache does
// that keeps an answer for each.
func byAgent() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `[{"id":%q},{"id":%q}]`, r.UserAgent(), r.URL.RawQuery)
	})
}

func TestHonestServicesAreNotAccused(t *testing.T) {
	t.Parallel()
	good := func(t *testing.T) http.Handler { return sample(t, biletter.Good, biletter.Options{}) }
	rows := map[string]func(t *testing.T) http.Handler{
		"good": good,
		"slow": func(t *testing.T) http.Handler {
			return sample(t, biletter.Slow, biletter.Options{Delay: 20 * time.Millisecond})
		},
		"flaky": func(t *testing.T) http.Handler { return sample(t, biletter.Flaky, biletter.Options{}) },
		"oversold": func(t *testing.T) http.Handler {
			return sample(t, biletter.Oversold, biletter.Options{RaceWindow: time.Nanosecond})
		},
		"leaky":                   func(t *testing.T) http.Handler { return sample(t, biletter.Leaky, biletter.Options{}) },
		"fails every second time": func(t *testing.T) http.Handler { return otherwise(good(t), everyNth(2, refuse)) },
		"fails always":            func(*testing.T) http.Handler { return otherwise(nil, everyNth(1, refuse)) },
		"sends garbage": func(*testing.T) http.Handler {
			return otherwise(nil, everyNth(1, func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) }))
		},
		"sends objects": func(*testing.T) http.Handler {
			return otherwise(nil, everyNth(1, func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"error":"later"}`)) }))
		},
		"has two events":          func(*testing.T) http.Handler { return short(true) },
		"two events on each page": func(*testing.T) http.Handler { return short(false) },
		"in no order":             func(*testing.T) http.Handler { return shuffled() },
		"a cache for each client": func(*testing.T) http.Handler { return byAgent() },
		"redirects": func(*testing.T) http.Handler {
			return http.RedirectHandler("http://169.254.169.254/", http.StatusFound)
		},
		"throttles us": func(t *testing.T) http.Handler {
			var asked atomic.Int64
			return otherwise(good(t), func(w http.ResponseWriter, _ *http.Request) bool {
				if asked.Add(1) < 20 {
					return false
				}
				http.Error(w, "slow down", http.StatusTooManyRequests)
				return true
			})
		},
		"one booking for each user": func(t *testing.T) http.Handler {
			return otherwise(good(t), func(w http.ResponseWriter, r *http.Request) bool {
				user, _, _ := r.BasicAuth()
				if r.Method == http.MethodPost {
					fmt.Fprintf(w, `{"id":%d}`, len(user)+int(user[0])*1000+int(user[len(user)/2]))
				}
				return r.Method == http.MethodPost
			})
		},
		"no such users": func(t *testing.T) http.Handler {
			return otherwise(good(t), func(w http.ResponseWriter, r *http.Request) bool {
				if _, _, given := r.BasicAuth(); given {
					w.WriteHeader(http.StatusUnauthorized)
					return true
				}
				return false
			})
		},
	}
	for name, handler := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, target.Guard{AllowPrivate: true})
			d.play(t, serve(t, handler(t)), contest.TicketBooking) // of which all is asked
			assert.Empty(t, d.kinds(), "%v", d.found)
		})
	}
}

func TestCheatsAreSeen(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		kind  biletter.Kind
		noise int64 // every so-many-th request fails as well
		c     contest.Criterion
		want  []contest.SuspicionKind
	}{
		"two faces":            {biletter.TwoFaced, 0, contest.EventSearch, []contest.SuspicionKind{contest.SuspicionByClient, contest.SuspicionQuery}},
		"two faces and flaky":  {biletter.TwoFaced, 17, contest.ArchiveSearch, []contest.SuspicionKind{contest.SuspicionByClient, contest.SuspicionQuery}},
		"a list for us alone":  {biletter.Choosy, 0, contest.EventSearch, []contest.SuspicionKind{contest.SuspicionByClient}},
		"empty lists":          {biletter.Hollow, 0, contest.EventSearch, []contest.SuspicionKind{contest.SuspicionEmpty}},
		"constants":            {biletter.Canned, 0, contest.EventSearch, []contest.SuspicionKind{contest.SuspicionQuery}},
		"constants in booking": {biletter.Canned, 0, contest.TicketBooking, []contest.SuspicionKind{contest.SuspicionQuery, contest.SuspicionBookingIDs}},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Handler(sample(t, row.kind, biletter.Options{}))
			if row.noise > 0 {
				h = otherwise(h, everyNth(row.noise, refuse))
			}
			d := newDesk(t, target.Guard{AllowPrivate: true})
			d.play(t, serve(t, h), row.c)
			require.Equal(t, row.want, d.kinds())
			for _, s := range d.found {
				assert.Equal(t, contest.Slug("team"), s.Team)
				assert.Equal(t, row.c, s.Criterion)
				assert.Equal(t, contest.RunID("run"), s.Run)
				assert.NotContains(t, s.Sentence, "127.0.0.1")
				assert.False(t, s.At.IsZero())
			}
		})
	}
}

// The pages of a service that has more events than fit on one.
func TestPagesWithoutEffectAreSeen(t *testing.T) {
	t.Parallel()
	good := sample(t, biletter.Good, biletter.Options{})
	stuck := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		q.Set("page", "1")
		r.URL.RawQuery = q.Encode()
		good.ServeHTTP(w, r)
	})
	d := newDesk(t, target.Guard{AllowPrivate: true})
	d.play(t, serve(t, stuck), contest.EventSearch)
	assert.Equal(t, []contest.SuspicionKind{contest.SuspicionPage}, d.kinds())
}

// A service that lists less once it is under load.
func TestLessUnderLoadIsSeen(t *testing.T) {
	t.Parallel()
	var pressed atomic.Bool
	h := otherwise(sample(t, biletter.Good, biletter.Options{}), func(w http.ResponseWriter, _ *http.Request) bool {
		if pressed.Load() {
			_, _ = w.Write([]byte(`[{"id":1}]`))
		}
		return pressed.Load()
	})
	s := serve(t, h)
	d := newDesk(t, target.Guard{AllowPrivate: true})
	run := runOn(s.URL, contest.EventSearch)
	d.Before(t.Context(), run)
	pressed.Store(true)
	d.press(t, s, run)
	assert.Contains(t, d.kinds(), contest.SuspicionUnderLoad)
}

// What stands between the load's end and the checker's is not asked to its end,
// and too few answers are no suspicion.
func TestAShortRunIsNoSuspicion(t *testing.T) {
	t.Parallel()
	s := serve(t, sample(t, biletter.TwoFaced, biletter.Options{}))
	d := newDesk(t, target.Guard{AllowPrivate: true})
	run := runOn(s.URL, contest.EventSearch)
	d.During(run)
	require.Eventually(t, func() bool { return d.Idle(run) }, long, time.Millisecond)
	d.After(run)
	d.After(run)
	assert.Empty(t, d.kinds())
}

// The service is called where the guard allows, and nothing that it sends is
// read without a bound.
func TestChecksAreGuarded(t *testing.T) {
	t.Parallel()
	s := serve(t, sample(t, biletter.Hollow, biletter.Options{}))
	d := newDesk(t, target.Guard{})
	for _, endpoint := range []string{
		s.URL, strings.Replace(s.URL, "127.0.0.1", "localhost", 1), "http://[::ffff:127.0.0.1]:1", "http://169.254.169.254", "ftp://x", "", "http://a b/",
		"http://host/\r\nX-Injected: 1", "http://host\r\nX: y",
	} {
		run := runOn(endpoint, contest.TicketBooking)
		run.TestID += contest.TestID(fmt.Sprint(len(endpoint)))
		d.Before(t.Context(), run)
		d.During(run)
		d.After(run)
	}
	d.Teams([]contest.Team{{Slug: "a", Endpoint: s.URL}, {Slug: "b", Endpoint: s.URL}})
	assert.Equal(t, []contest.SuspicionKind{contest.SuspicionShared, contest.SuspicionShared}, d.kinds(), "an address is compared, not called")
	assert.Zero(t, s.asked.Load())
}
