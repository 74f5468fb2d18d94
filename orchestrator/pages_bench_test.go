package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/schedule"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// BenchmarkPages serves a contest of 200 teams from a SQLite state that holds a
// day of it (pages_state_test.go), over sockets. It reports the median of what a
// page takes, and how large it is; "shared" is what readers within one second
// get. Viewers are 500 readers that follow a run: their figure is the processor
// time of all of it, the readers' own part included, in cores. Run it with
//
//	make bench BENCH=Pages PACKAGES=./orchestrator
func BenchmarkPages(b *testing.B) {
	s := aDay(b)
	m := &load{pulse: pulse{benchWorks(b, s)}}
	address := servedPages(b, web.Config{Board: board{m.works}, Archive: archive{s}, Pulse: m})
	m.move(b)
	for name, path := range map[string]string{
		"results/en": "/?lang=en", "results/ru": "/?lang=ru", "results/fresh": "/?lang=en&team=", "results/shared": "/", "results/json": "/api/v1/results",
		"team": "/teams/" + string(benchTeam(7).Slug), "run": "/runs/" + string(runOf200(2, 3, 7, 0)),
	} {
		b.Run(name, func(b *testing.B) { benchPage(b, "http://"+address+path) })
	}
	b.Run("viewers", func(b *testing.B) { benchViewers(b, address, m) })
}

// benchWorks is as much of the works as pages read from.
func benchWorks(b *testing.B, s *store.Store) *works {
	b.Helper()
	c := config.Default()
	var err error
	c.Contest, err = config.Shipped("default")
	require.NoError(b, err)
	w := &works{site: site{config: c, log: slog.New(slog.DiscardHandler)}, store: s}
	w.queue, err = schedule.New(b.Context(), s.DB(), w.scheduleConfig())
	require.NoError(b, err)
	w.line = conduct.New(conduct.Parts{Store: s, Wake: w.queue, LoadAllowed: c.Contest.LoadAllowed}, w.limits())
	return w
}

// servedPages serves until the benchmark ends.
func servedPages(b *testing.B, c web.Config) (address string) {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- web.Serve(ctx, ln, web.New(c)) }()
	b.Cleanup(func() { stop(); require.NoError(b, <-ended) })
	return ln.Addr().String()
}

func benchPage(b *testing.B, url string) {
	var took []time.Duration
	var size int64
	for b.Loop() {
		began := time.Now()
		req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
		require.NoError(b, err)
		req.Header.Set("Accept-Encoding", "identity")
		resp, err := http.DefaultClient.Do(req)
		require.NoError(b, err)
		size, err = io.Copy(io.Discard, resp.Body)
		require.NoError(b, err)
		require.NoError(b, resp.Body.Close())
		require.Equal(b, http.StatusOK, resp.StatusCode)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "ms-median")
	b.ReportMetric(float64(size), "B/page")
}

// load is a pulse with a run that moves all the time.
type load struct {
	pulse
	mu  sync.Mutex
	run web.ActiveRun
}

func (l *load) Active(context.Context) ([]web.ActiveRun, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return []web.ActiveRun{l.run}, nil
}

// move takes the run a little further.
func (l *load) move(b *testing.B) {
	b.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.run.Run.ID == "" {
		rec, err := l.store.Run(b.Context(), string(runOf200(2, benchRounds, benchJudged, 0)))
		require.NoError(b, err)
		l.run.Run = rec.Shown()
	}
	l.run.Progress.Requests++
	l.run.Progress.RPS++
}

func benchViewers(b *testing.B, address string, m *load) {
	const viewers, lasts = 500, 10 * time.Second
	ctx, leave := context.WithCancel(b.Context())
	var all errgroup.Group
	var events atomic.Int64
	for range viewers {
		all.Go(func() error { return follow(ctx, "http://"+address+"/events", &events) })
	}
	for events.Load() < 2*viewers { // all of them have what is there at first
		time.Sleep(50 * time.Millisecond)
	}
	for b.Loop() {
		before, from := ownTime(b), events.Load()
		for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			m.move(b)
		}
		b.ReportMetric((ownTime(b)-before).Seconds()/lasts.Seconds(), "cores")
		b.ReportMetric(float64(events.Load()-from)/viewers/lasts.Seconds(), "events/s")
	}
	leave()
	require.NoError(b, all.Wait())
}

// follow counts events until ctx ends.
func follow(ctx context.Context, url string, events *atomic.Int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("follow %s: %s", url, resp.Status)
	}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "event: ") {
			events.Add(1)
		}
	}
	return nil
}

// ownTime is the time on processors that this process has used.
func ownTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
