//go:build compare

package loadgen_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCompare measures the load generator beside its rivals, in turns, on one
// server, each as a process of its own: k6 where one is on the PATH, and wrk as
// the floor. It decides nothing; run it with 'make bench-loadgen', which passes
// the programs by LOADGEN and HACKLOAD. Figures of different runs cannot be compared, the
// ratios of one run can.
func TestCompare(t *testing.T) {
	program, large := os.Getenv("LOADGEN"), os.Getenv("HACKLOAD")
	require.NotEmpty(t, program, "LOADGEN is to be the path of the generator alone")
	require.NotEmpty(t, large, "HACKLOAD is to be the path of the program that it is in")
	c := &comparison{t: t, dir: t.TempDir(), url: "http://" + startServer(t)}
	c.add("loadgen", program)
	c.add("k6", "k6")
	t.Logf("%s, %d processors", c.versions(), cpus(t))
	for name, script := range map[string]string{"GET + check": getScript, "walk of 5 requests": walkScript} {
		c.throughput(name, script)
	}
	c.wrk()
	base := c.memory(1, nil)
	for _, users := range []int{1000, 5000, 10_000} {
		c.memory(users, base)
	}
	c.remoteWrite("5s")
	c.remoteWrite("50ms") // a hundred times what it costs as a rule, to be seen above the noise
	c.add("hackload loadgen", large, "loadgen")
	c.starts()
}

const (
	getScript = `import http from 'k6/http'; import { check } from 'k6';
export default function () { check(http.get(__ENV.URL + '/api/events'), { 'status is 200': (r) => r.status === 200 }) }`
	walkScript = `import http from 'k6/http'; import { check } from 'k6';
const json = { headers: { 'Content-Type': 'application/json', Authorization: 'Basic dXNlcjpwYXNz' } };
export default function () {
  const events = http.get(__ENV.URL + '/api/events?page=1&pageSize=20', json).json();
  const seats = http.get(__ENV.URL + '/api/seats?event_id=' + events[0].id, json).json();
  const booking = http.post(__ENV.URL + '/api/bookings', JSON.stringify({ event_id: events[0].id }), json);
  check(booking, { 'booked': (r) => r.status === 201 });
  const body = JSON.stringify({ booking_id: booking.json('id'), seat_id: seats[__ITER % seats.length].id });
  check(http.patch(__ENV.URL + '/api/seats/select', body, json), { 'selected': (r) => r.status === 200 });
  check(http.patch(__ENV.URL + '/api/bookings/initiatePayment', body, json), { 'paid': (r) => r.status === 200 });
}`
	idleScript = `import http from 'k6/http'; import { check, sleep } from 'k6';
export default function () { check(http.get(__ENV.URL + '/api/events'), { 'status is 200': (r) => r.status === 200 }); sleep(1) }`
	emptyScript = `export default function () {}`
)

// comparison runs the contestants in turns.
type comparison struct {
	t     *testing.T
	dir   string
	url   string
	tools []tool
}

type tool struct {
	name string
	argv []string
}

func (c *comparison) add(name string, argv ...string) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		c.t.Logf("%s is not here, so it is left out", name)
		return
	}
	c.tools = append(c.tools, tool{name, append([]string{path}, argv[1:]...)})
}

// spent is what one process took.
type spent struct {
	requests, rate float64
	cpu            time.Duration
	peak           float64 // MiB
	wall           time.Duration
}

func (c *comparison) run(l tool, script string, args ...string) spent {
	c.t.Helper()
	file, summary := filepath.Join(c.dir, "test.js"), filepath.Join(c.dir, "sum.json")
	require.NoError(c.t, os.WriteFile(file, []byte(script), 0o600))
	cmd := exec.Command(l.argv[0], append(append(slices.Clone(l.argv[1:]), "run", "-q", "--summary-export", summary, "-e", "URL="+c.url), append(args, file)...)...)
	cmd.Env = append(os.Environ(), "K6_NO_USAGE_REPORT=true", "K6_AUTO_EXTENSION_RESOLUTION=false",
		"K6_PROMETHEUS_RW_SERVER_URL="+c.url+"/write", "K6_PROMETHEUS_RW_TREND_AS_NATIVE_HISTOGRAM=true")
	began := time.Now()
	out, err := cmd.CombinedOutput()
	wall := time.Since(began)
	require.NoError(c.t, err, "%s", out)
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	s := spent{cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), peak: float64(usage.Maxrss) / 1024, wall: wall}
	var sum struct {
		Metrics map[string]map[string]any `json:"metrics"`
	}
	text, err := os.ReadFile(summary)
	require.NoError(c.t, err)
	require.NoError(c.t, json.Unmarshal(text, &sum))
	if reqs := sum.Metrics["http_reqs"]; reqs != nil {
		s.requests, s.rate = reqs["count"].(float64), reqs["rate"].(float64)
	}
	return s
}

const rounds = 3

// inTurns runs each tool once per round, so that what else the machine does
// meets all of them.
func (c *comparison) inTurns(script string, args ...string) map[string][]spent {
	all := map[string][]spent{}
	for range rounds {
		for _, l := range c.tools {
			all[l.name] = append(all[l.name], c.run(l, script, args...))
		}
	}
	return all
}

// median of a figure over a tool's runs.
func median(runs []spent, figure func(spent) float64) float64 {
	var all []float64
	for _, r := range runs {
		all = append(all, figure(r))
	}
	slices.SortFunc(all, cmp.Compare[float64])
	return all[len(all)/2]
}

func perTenThousand(s spent) float64 { return s.cpu.Seconds() / s.requests * 10_000 }

// against writes a figure of each tool, and how k6 stands to loadgen.
func (c *comparison) against(what, unit string, all map[string][]spent, figure func(spent) float64) {
	var words []string
	for _, l := range c.tools {
		words = append(words, fmt.Sprintf("%s %.4g %s", l.name, median(all[l.name], figure), unit))
	}
	if all["k6"] != nil {
		words = append(words, fmt.Sprintf("k6 / loadgen = %.2f", median(all["k6"], figure)/median(all["loadgen"], figure)))
	}
	c.t.Logf("%-28s %s", what, strings.Join(words, ", "))
}

func (c *comparison) throughput(name, script string) {
	all := c.inTurns(script, "--vus", "50", "--duration", "6s")
	c.against(name+", rate", "req/s", all, func(s spent) float64 { return s.rate })
	c.against(name+", CPU", "s/10k", all, perTenThousand)
	c.against(name+", peak", "MiB", all, func(s spent) float64 { return s.peak })
}

// memory measures the peak with so many users. base is what the same tools took
// with one user: the rest is what the users take. It returns the peaks.
func (c *comparison) memory(users int, base map[string][]spent) map[string][]spent {
	all, each := map[string][]spent{}, map[string][]spent{}
	for _, l := range c.tools {
		s := c.run(l, idleScript, "--vus", strconv.Itoa(users), "--duration", "8s")
		all[l.name] = []spent{s}
		if base != nil {
			s.peak = (s.peak - base[l.name][0].peak) * 1024 * 1.024 / float64(users)
			each[l.name] = []spent{s}
		}
	}
	peak := func(s spent) float64 { return s.peak }
	c.against(fmt.Sprintf("%d users, peak", users), "MiB", all, peak)
	if base != nil {
		c.against(fmt.Sprintf("%d users, each above 1 user", users), "KB", each, peak)
	}
	return all
}

// remoteWrite is what remote write with native histograms costs. Each round
// runs a tool without and with it, in an order that changes, and gives one
// ratio; the medians of the ratios are told, and how far apart they were.
func (c *comparison) remoteWrite(interval string) {
	const pairs = 7
	writes := []string{"--out", "experimental-prometheus-rw"}
	rates, cpus := map[string][]float64{}, map[string][]float64{}
	c.t.Setenv("K6_PROMETHEUS_RW_PUSH_INTERVAL", interval)
	for round := range pairs {
		for _, l := range c.tools {
			var plain, writing spent
			for turn := range 2 {
				args := []string{"--vus", "50", "--duration", "6s"}
				if turn == round%2 {
					plain = c.run(l, getScript, args...)
				} else {
					writing = c.run(l, getScript, append(args, writes...)...)
				}
			}
			rates[l.name] = append(rates[l.name], 100*(writing.rate/plain.rate-1))
			cpus[l.name] = append(cpus[l.name], 100*(perTenThousand(writing)/perTenThousand(plain)-1))
		}
	}
	for _, l := range c.tools {
		rate, cpu := slices.Sorted(slices.Values(rates[l.name])), slices.Sorted(slices.Values(cpus[l.name]))
		c.t.Logf("%-28s %s %+.1f %% req/s (%+.1f to %+.1f), %+.1f %% CPU (%+.1f to %+.1f)", "remote write each "+interval, l.name,
			rate[pairs/2], rate[0], rate[pairs-1], cpu[pairs/2], cpu[0], cpu[pairs-1])
	}
}

func (c *comparison) starts() {
	all := map[string][]spent{}
	for range 21 {
		for _, l := range c.tools {
			all[l.name] = append(all[l.name], c.run(l, emptyScript, "--iterations", "1"))
		}
	}
	c.against("start to end, one iteration", "ms", all, func(s spent) float64 { return s.wall.Seconds() * 1000 })
	c.against("the same, CPU", "ms", all, func(s spent) float64 { return s.cpu.Seconds() * 1000 })
}

var wrkRate = regexp.MustCompile(`Requests/sec:\s*([\d.]+)`)

// wrk is the floor: what the server gives to a client without a script.
func (c *comparison) wrk() {
	path, err := exec.LookPath("wrk")
	if err != nil {
		c.t.Log("wrk is not here, so the floor is left out")
		return
	}
	cmd := exec.Command(path, "-t1", "-c50", "-d6s", c.url+"/api/events")
	out, err := cmd.CombinedOutput()
	require.NoError(c.t, err, "%s", out)
	m := wrkRate.FindSubmatch(out)
	require.NotNil(c.t, m, "%s", out)
	rate, err := strconv.ParseFloat(string(m[1]), 64)
	require.NoError(c.t, err)
	cpu := (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	c.t.Logf("%-28s %.4g req/s, %.4g s/10k", "wrk", rate, cpu/(rate*6)*10_000)
}

func (c *comparison) versions() string {
	var all []string
	for _, l := range c.tools {
		out, err := exec.Command(l.argv[0], append(slices.Clone(l.argv[1:]), "version")...).Output()
		require.NoError(c.t, err)
		first, _, _ := strings.Cut(string(out), "\n")
		all = append(all, first)
	}
	return strings.Join(all, "; ")
}

func cpus(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/cpuinfo")
	require.NoError(t, err)
	return strings.Count(string(text), "processor\t:")
}
