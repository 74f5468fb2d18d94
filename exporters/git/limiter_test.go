package git_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/git"
)

// wire is what stands behind a limiter: it answers with what script says, one
// after the other, and the last one for ever.
type wire struct {
	script []reply

	mu   sync.Mutex
	sent []time.Duration // since began
	tags []string        // that were asked with
	from time.Time
}

type reply struct {
	status int
	header map[string]string
	body   string
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.from.IsZero() {
		w.from = time.Now()
	}
	r := w.script[min(len(w.sent), len(w.script)-1)]
	w.sent = append(w.sent, time.Since(w.from))
	w.tags = append(w.tags, req.Header.Get("If-None-Match"))
	header := http.Header{}
	for name, value := range r.header {
		if value == "+10m" {
			value = strconv.FormatInt(w.from.Add(10*time.Minute).Unix(), 10)
		}
		header.Set(name, value)
	}
	return &http.Response{StatusCode: r.status, Header: header, Body: io.NopCloser(strings.NewReader(r.body)), Request: req}, nil
}

func hour(limit, left string) map[string]string {
	return map[string]string{"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": left, "X-RateLimit-Reset": "+10m"}
}

func get(ctx context.Context, l http.RoundTripper) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://api/repos/a/b", nil)
	if err != nil {
		return nil, err
	}
	resp, err := l.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	return resp, err
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	ok := reply{status: 200, header: hour("5000", "4000")}
	rows := []struct {
		name   string
		script []reply
		within time.Duration // the caller's time
		sent   []time.Duration
		status int  // of the answer; 0: an error
		limit  bool // the error is of a limit
	}{
		{"plain", []reply{ok}, time.Minute, []time.Duration{0}, 200, false},
		{"secondary, seconds", []reply{{status: 403, header: map[string]string{"Retry-After": "7"}}, ok}, time.Minute, []time.Duration{0, 7 * time.Second}, 200, false},
		{"secondary as 429", []reply{{status: 429, header: map[string]string{"Retry-After": "7"}}, ok}, time.Minute, []time.Duration{0, 7 * time.Second}, 200, false},
		{"secondary in words", []reply{{status: 403, body: "You have exceeded a secondary rate limit."}, ok}, 2 * time.Minute, []time.Duration{0, time.Minute}, 200, false},
		{"secondary in the words of old", []reply{{status: 403, body: "You have triggered an abuse detection mechanism."}, ok}, 2 * time.Minute, []time.Duration{0, time.Minute}, 200, false},
		{"secondary, a date", []reply{{status: 429, header: map[string]string{"Retry-After": "Sat, 01 Jan 2000 00:00:20 GMT"}}, ok}, time.Minute, []time.Duration{0, 20 * time.Second}, 200, false},
		{"secondary, nonsense", []reply{{status: 429, header: map[string]string{"Retry-After": "soon"}}, ok}, 2 * time.Minute, []time.Duration{0, time.Minute}, 200, false},
		{"longer than the caller has", []reply{{status: 429, header: map[string]string{"Retry-After": "90"}}}, time.Minute, []time.Duration{0}, 0, true},
		{"for ever", []reply{{status: 429, header: map[string]string{"Retry-After": "999999999999"}}, ok}, 2 * time.Hour, []time.Duration{0, time.Hour}, 200, false},
		{"again and again", []reply{{status: 429, header: map[string]string{"Retry-After": "1"}}}, time.Minute, []time.Duration{0, time.Second, 2 * time.Second}, 0, true},
		{"primary", []reply{{status: 403, header: hour("5000", "0")}, ok}, time.Hour, []time.Duration{0, 10*time.Minute + time.Second}, 200, false},
		{"primary, no time", []reply{{status: 403, header: hour("5000", "0")}}, time.Minute, []time.Duration{0}, 0, true},
		{"403 for other reasons", []reply{{status: 403, header: hour("5000", "4000"), body: "Resource not accessible"}}, time.Minute, []time.Duration{0}, 403, false},
		{"5xx once", []reply{{status: 502}, ok}, time.Minute, []time.Duration{0, 500 * time.Millisecond}, 200, false},
		{"5xx for good", []reply{{status: 503}}, time.Minute, []time.Duration{0, 500 * time.Millisecond, time.Second}, 503, false},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), row.within)
				defer cancel()
				w := &wire{script: row.script}
				resp, err := get(ctx, git.NewLimiter(1e6, w))
				require.Equal(t, row.sent, w.sent)
				var limit *git.LimitError
				require.Equal(t, row.limit, errors.As(err, &limit), "%v", err)
				if row.status != 0 {
					require.NoError(t, err)
					require.Equal(t, row.status, resp.StatusCode)
					require.Empty(t, resp.Header.Get("X-RateLimit-Remaining"), "go-github keeps no account of its own")
				}
			})
		})
	}
}

// The last of the hour is left to others, and nothing is sent until it is over.
func TestLimiterStopsBeforeTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		for left := 110; left >= 100; left-- {
			w.script = append(w.script, reply{status: 200, header: hour("5000", strconv.Itoa(left))})
		}
		fresh := reply{status: 200, header: map[string]string{"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": "946688400"}}
		w.script = append(w.script, fresh)
		l := git.NewLimiter(1e6, w)
		for range 11 {
			_, err := get(t.Context(), l)
			require.NoError(t, err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := get(short, l)
		var limit *git.LimitError
		require.ErrorAs(t, err, &limit)
		require.Equal(t, began, time.Now(), "what cannot be reached is not waited for")
		require.Contains(t, err.Error(), "used up until 00:10:00 UTC")

		_, err = get(t.Context(), l) // has all the time
		require.NoError(t, err)
		require.Len(t, w.sent, 12)
		require.Equal(t, 10*time.Minute, w.sent[11])
	})
}

// Requests under way count before their answers are there.
func TestLimiterCountsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &slow{wire: wire{script: []reply{{status: 200, header: hour("5000", "103")}}}}
		l := git.NewLimiter(1e6, w)
		_, err := get(t.Context(), l)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		var mu sync.Mutex
		refused := 0
		for range 20 {
			wg.Go(func() {
				if _, err := get(ctx, l); err != nil {
					mu.Lock()
					defer mu.Unlock()
					refused++
				}
			})
		}
		wg.Wait()
		require.Len(t, w.sent, 1+3)
		require.Equal(t, 17, refused)
	})
}

// slow takes a second for each answer.
type slow struct{ wire }

func (s *slow) RoundTrip(req *http.Request) (*http.Response, error) {
	time.Sleep(time.Second)
	return s.wire.RoundTrip(req)
}

func TestLimiterPaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{script: []reply{{status: 200}}}
		l := git.NewLimiter(10, w)
		for range 108 {
			_, err := get(t.Context(), l)
			require.NoError(t, err)
		}
		require.Equal(t, 10*time.Second, w.sent[107].Round(time.Millisecond), "eight at once, then ten a second")
	})
}

func TestLimiterEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(5*time.Second, cancel)
		w := &wire{script: []reply{{status: 429, header: map[string]string{"Retry-After": "60"}}}}
		began := time.Now()
		_, err := get(ctx, git.NewLimiter(1e6, w))
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 5*time.Second, time.Since(began))
	})
}
