//go:build day

package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/store"
)

// What is promised of the orchestrator, generators apart.
const (
	mostResident = 256 << 20 // bytes
	mostMetrics  = 128 << 20 // bytes on disk, of a day that is not over
	mostGrowth   = 1.10      // of the day's last quarter over the one before; load begins in the second
)

const heading = "   min  RSS MiB  anon  heap   FDs  gorout.  database  metrics MiB  rounds  skipped  runs  queries  Hub calls  updates   CPU"

// glance is what the orchestrator uses at a moment.
type glance struct {
	at                                    time.Duration
	resident, anonymous, heap             int64 // bytes
	files, goroutines                     int
	database, metrics                     int64 // bytes on disk
	rounds, loads, skipped, runs, invalid int
	queries, calls, updates               int
	cpu                                   time.Duration
}

const mib = 1 << 20

func (s glance) String() string {
	return fmt.Sprintf("%6.1f %8.1f %5.0f %5.0f %5d %8d %9.1f %12.1f %7d %8d %5d %8d %10d %8d %5.2f",
		s.at.Minutes(), float64(s.resident)/mib, float64(s.anonymous)/mib, float64(s.heap)/mib, s.files, s.goroutines, float64(s.database)/mib,
		float64(s.metrics)/mib, s.rounds, s.skipped, s.runs, s.queries, s.calls, s.updates, s.cpu.Seconds()/max(1, s.at.Seconds()))
}

// overseer looks at the orchestrator from the outside.
type overseer struct {
	pid            int
	limits         *limits
	state          string
	pages, metrics int
	hub            *dayHub
	samples        []glance
	held           int // times that the limit of the processor did so
	late           int // pages that did not come within their time
}

// sample takes one, after it has looked at the pages as a visitor does.
func (w *overseer) sample(at time.Duration) (s glance, err error) {
	s.at = at
	for _, page := range []string{"/", "/teams/team-000", "/api/v1/results"} {
		if _, err := fetch(w.pages, page); err != nil && at > time.Minute {
			w.late++
		}
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.pid))
	if err != nil {
		return s, fmt.Errorf("the orchestrator is gone: %w", err)
	}
	s.resident, s.anonymous = statusOf(status, "VmRSS:"), statusOf(status, "RssAnon:")
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.pid))
	if err != nil {
		return s, err
	}
	s.files = len(open)
	s.database, s.metrics = w.sizes()
	s.cpu = processorTime(w.pid)
	w.held = w.limits.held()
	s.calls, s.updates, _ = w.hub.told()
	if err := w.scrape(&s); err != nil { // as after a moment in which the machine stood still
		w.late++
		return s, nil
	}
	w.samples = append(w.samples, s)
	return s, nil
}

// processorTime is what a process has used, in ticks of a hundredth second.
func processorTime(pid int) time.Duration {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(stat), ") ")
	var ticks int
	if words := strings.Fields(after); len(words) > 12 {
		for _, word := range words[11:13] {
			n, _ := strconv.Atoi(word)
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func statusOf(status []byte, name string) int64 {
	for line := range strings.Lines(string(status)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == name {
			kb, _ := strconv.ParseInt(words[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// sizes are what lies in the state directory.
func (w *overseer) sizes() (database, metrics int64) {
	_ = filepath.WalkDir(w.state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // a folder of a launch may go while we look
		}
		if info, err := d.Info(); err == nil {
			if strings.Contains(path, ".db") {
				database += info.Size()
			} else if strings.HasPrefix(path, filepath.Join(w.state, "metrics")) {
				metrics += info.Size()
			}
		}
		return nil
	})
	return database, metrics
}

func fetch(port int, path string) (io.Reader, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", port, path), nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d", path, resp.StatusCode)
	}
	return strings.NewReader(string(body)), err
}

// scrape reads the orchestrator's own metrics.
func (w *overseer) scrape(s *glance) error {
	body, err := fetch(w.metrics, "/metrics")
	if err != nil {
		return err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(body)
	if err != nil {
		return err
	}
	sum := func(name string, labels ...string) (total int) {
		for _, m := range families[name].GetMetric() {
			text := fmt.Sprint(m.GetLabel())
			if !slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(text, l) }) {
				total += int(m.GetCounter().GetValue() + m.GetGauge().GetValue())
			}
		}
		return total
	}
	s.goroutines, s.heap = sum("go_goroutines"), int64(sum("go_memstats_heap_alloc_bytes"))
	s.queries = sum("hackload_prometheus_queries_total")
	s.rounds, s.skipped = sum("job_executions_total", "success"), sum("job_executions_total", "skipped")
	s.loads = sum("job_executions_total", "success", "k6-")
	s.runs, s.invalid = sum("hackload_runs_total"), sum("hackload_runs_total", "invalid")
	return nil
}

// quarter is the median of what f gives in the n-th quarter of the day, from 0.
func (w *overseer) quarter(n int, f func(glance) int64) int64 {
	some := w.samples[n*len(w.samples)/4 : (n+1)*len(w.samples)/4]
	values := make([]int64, 0, len(some))
	for _, s := range some {
		values = append(values, f(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// decide holds the day against the promises.
func (w *overseer) decide(t *testing.T, d day) {
	require.Greater(t, len(w.samples), 8, "the day was too short to tell")
	last := w.samples[len(w.samples)-1]
	peak := slices.MaxFunc(w.samples, func(a, b glance) int { return int(a.resident - b.resident) })
	t.Logf("resident at most %.1f MiB, of %d promised", float64(peak.resident)/mib, mostResident>>20)
	assert.Less(t, peak.resident, int64(mostResident))
	fullest := slices.MaxFunc(w.samples, func(a, b glance) int { return int(a.metrics - b.metrics) })
	t.Logf("metrics on disk at most %.1f MiB", float64(fullest.metrics)/mib)
	assert.Less(t, fullest.metrics, int64(mostMetrics))
	for name, f := range map[string]func(glance) int64{
		"resident memory":  func(s glance) int64 { return s.resident },
		"file descriptors": func(s glance) int64 { return int64(s.files) },
		"goroutines":       func(s glance) int64 { return int64(s.goroutines) },
	} {
		before, after := w.quarter(2, f), w.quarter(3, f)
		t.Logf("%s, medians of the day's quarters: %d %d %d %d", name, w.quarter(0, f), w.quarter(1, f), before, after)
		assert.LessOrEqual(t, float64(after), mostGrowth*float64(before)+16, "%s grow", name)
	}
	w.decideQueries(t, d, last)
	calls, updates, largest := w.hub.told()
	t.Logf("%d updates went to the Hub in %d calls, at most %d in one", updates, calls, largest)
	assert.LessOrEqual(t, largest, 100)
	assert.Positive(t, updates)
	t.Logf("processor: %.2f of one on average, held back %d times; %d of %d runs invalid; %d pages late",
		last.cpu.Seconds()/last.at.Seconds(), w.held, last.invalid, last.runs, w.late)
	w.decideRetention(t, d)
}

// decideQueries: evidence of all runs that have ended is gathered at once, when
// a round has ended or after two minutes. So their number follows the time.
func (w *overseer) decideQueries(t *testing.T, d day, last glance) {
	const services, each = 5, 24 // that put on load; the questions about a set of runs
	gatherings := services*int(d.takes/(2*time.Minute)+1) + last.loads
	t.Logf("%d queries for %d runs in %d finished load rounds: %.2f for each run; at most %d by the time that passed",
		last.queries, last.runs, last.loads, float64(last.queries)/float64(max(1, last.runs)), each*gatherings)
	assert.LessOrEqual(t, last.queries, each*gatherings)
}

// decideRetention has the day grow old, and expects that only what stands behind
// the newest verdicts is left of it.
func (w *overseer) decideRetention(t *testing.T, d day) {
	s, err := store.Open(t.Context(), w.state)
	require.NoError(t, err)
	defer s.Close()
	count := func(query string) (n int64) {
		require.NoError(t, s.DB().QueryRowContext(t.Context(), query).Scan(&n))
		return n
	}
	live := func() int64 {
		return (count(`PRAGMA page_count`) - count(`PRAGMA freelist_count`)) * count(`PRAGMA page_size`)
	}
	whole := live()
	gone, err := s.Prune(t.Context(), store.Age{Before: time.Now()})
	require.NoError(t, err)
	left := live()
	t.Logf("database: %.1f MiB after the day; when it is over age %d climbs, %d verdicts and %d rounds go and %.1f MiB stay: with 30 days of retention at most %.0f MiB",
		float64(whole)/mib, gone.Climbs, gone.Verdicts, gone.Rounds, float64(left)/mib, float64(left+30*(whole-left))/mib)
	// Of a team and criterion whose update the Hub has not taken yet everything stays.
	of := func(table string) int64 {
		return count(`SELECT count(*) FROM ` + table + ` WHERE NOT EXISTS (SELECT 1 FROM outbox
			WHERE outbox.slug = ` + table + `.slug AND outbox.criterion = ` + table + `.criterion AND outbox.state <> 'sent')`)
	}
	assert.LessOrEqual(t, of("climbs"), int64(8*d.teams*2), "more climbs than the newest of each team and criterion, and one under way")
	assert.LessOrEqual(t, of("verdicts"), int64(8*d.teams*2), "more than the newest verdicts and the published ones")
}
