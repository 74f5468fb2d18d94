package web_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// full is a contest of n teams, called as teams are, with a verdict in every criterion.
func full(n int) *state {
	names := []string{"Zero Downtime", "Ёжики в тумане", "404: Team Name Not Found", "Қыран", "Команда имени Большого Взрыва", "byte-me", "Бекенд-шашлык & Co", "🚀 Tulpar"}
	s := &state{}
	for i := range n {
		team := contest.Team{Slug: contest.Slug(fmt.Sprintf("team-%03d", i)), Name: names[i%len(names)]}
		s.teams = append(s.teams, team)
		for j, service := range contest.Services() {
			v := contest.Verdict{
				Team: team, Service: service.Key, Criterion: service.Criterion, Status: contest.Passed, Score: j, At: noon().Add(time.Duration(i) * time.Second),
				Metrics: map[string]any{"p95": 812.25 + 10*float64(i), "successRate": 99.25, "commitsCount": i, "totalSpent": 12500.0, "statusCode": 200},
			}
			if (i+j)%3 == 0 {
				v.Status = contest.Failed
			}
			s.verdicts = append(s.verdicts, v)
			if (i+j)%10 == 0 { // a tenth has changed since the round before
				v.Score++
				s.before = append(s.before, v)
			}
		}
	}
	return s
}

func TestResultsOfManyTeamsAreSentSmall(t *testing.T) {
	t.Parallel()
	url := start(t, web.New(full(200).config())) + "/"
	const plain = 200_000
	for coding, most := range map[string]int{"gzip": 40 << 10, "br;q=1, GZIP;q=0.5": 40 << 10, "identity": plain, "gzip;q=0": plain, "": plain} {
		t.Run(coding, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			require.NoError(t, err)
			req.Close = true
			req.Header.Set("Accept-Encoding", coding) // set by hand, so the client does not unpack
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			sent, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.LessOrEqual(t, len(sent), most)
			assert.Contains(t, resp.Header.Values("Vary"), "Accept-Encoding")
			page := sent
			if resp.Header.Get("Content-Encoding") == "gzip" {
				z, err := gzip.NewReader(bytes.NewReader(sent))
				require.NoError(t, err)
				page, err = io.ReadAll(z)
				require.NoError(t, err)
			}
			assert.Equal(t, 200, bytes.Count(page, []byte(`href="/teams/team-`)))
		})
	}
}

func TestResultsOfManyTeamsAreSmallInEachLanguage(t *testing.T) {
	t.Parallel()
	url := start(t, web.New(full(200).config()))
	for lang, word := range map[string]string{"en": "<i>Passed</i>", "ru": "<i>Пройдено</i>"} {
		body := get(t, url+"/?lang="+lang).body
		require.LessOrEqual(t, len(body), 200_000, lang)
		require.Greater(t, strings.Count(body, word), 1000, lang)
	}
}

// Of many readers within a second one pays for the page; each query is rendered anew.
func BenchmarkResultsOf200Teams(b *testing.B) {
	for name, path := range map[string]string{"shared": "/", "rendered": "/?lang=en"} {
		b.Run(name, func(b *testing.B) {
			h := web.New(full(200).config())
			var size int
			for b.Loop() {
				answer := httptest.NewRecorder()
				req := httptest.NewRequest(http.MethodGet, path, nil)
				req.Header.Set("Accept-Encoding", "gzip")
				h.ServeHTTP(answer, req)
				size = answer.Body.Len()
			}
			b.ReportMetric(float64(size), "B/page")
		})
	}
}

// BenchmarkLiveReaders has 500 readers follow a contest in which a run moves all
// the time. Its figure is what that costs, in cores; the readers' own part of it,
// who are in the same process, is in it.
func BenchmarkLiveReaders(b *testing.B) {
	const readers, lasts = 500, 5 * time.Second
	s := full(200)
	s.active = []web.ActiveRun{{Run: run(s.teams[0], contest.EventSearch, "search", "01j5bbbbbbbbbbbbbbbbbbbbbb")}}
	m := &moving{state: s}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	ctx, stop := context.WithCancel(b.Context())
	var all errgroup.Group
	all.Go(func() error { return web.Serve(ctx, ln, web.New(m.config())) })
	var events atomic.Int64
	for range readers {
		all.Go(func() error { return follow(ctx, ln.Addr().String(), &events) })
	}
	for events.Load() < 2*readers { // all of them have what is there at first
		time.Sleep(50 * time.Millisecond)
	}
	for b.Loop() {
		before, from := cpu(b), events.Load()
		for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			m.mu.Lock()
			m.active[0].Progress.Requests++
			m.active[0].Progress.RPS++
			m.mu.Unlock()
		}
		b.ReportMetric((cpu(b)-before).Seconds()/lasts.Seconds(), "cores")
		b.ReportMetric(float64(events.Load()-from)/readers, "events/reader")
	}
	stop()
	require.NoError(b, all.Wait())
}

// follow reads events until ctx ends.
func follow(ctx context.Context, addr string, events *atomic.Int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/events", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "event: ") {
			events.Add(1)
		}
	}
	return nil
}

func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
