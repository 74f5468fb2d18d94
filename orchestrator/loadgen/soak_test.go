//go:build compare

package loadgen_test

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

const (
	soakUsers = 5000
	// Memory is called flat when the last quarter of what follows the warm-up
	// takes at most this many times what the first quarter of it takes.
	soakGrowth = 1.10
	soakScript = `import http from 'k6/http'; import { check, sleep } from 'k6'; import exec from 'k6/execution';
export const options = { scenarios: { soak: { executor: 'constant-vus', vus: Number(__ENV.VUS), duration: __ENV.LENGTH, gracefulStop: '0s' } } };
export default function () { check(http.get(__ENV.URL + '/api/events'), { 'status is 200': (r) => r.status === 200 }); sleep(1) }
export function teardown() { console.log('interrupted:' + exec.instance.iterationsInterrupted + ';') }`
)

var interruptedCount = regexp.MustCompile(`interrupted:(\d+);`)

// TestSoak runs the generator for as long as SOAK says, in this process, against
// a server in another one: memory stays flat, no request is lost or made up, and
// no goroutine is left. Run it with 'make soak-loadgen'.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(cmp.Or(os.Getenv("SOAK"), "10m"))
	require.NoError(t, err, "SOAK is to be a duration like 10m")
	require.GreaterOrEqual(t, length, 20*time.Second, "SOAK is too short to tell anything of memory")
	leftOver := goleak.IgnoreCurrent()
	url := "http://" + startServer(t)
	before := served(t, url)
	r := newRun(t, soakScript)
	code := make(chan int, 1)
	go func() {
		code <- r.command(t.Context(), "run", "test.js", "-q", "--summary-export", "sum.json",
			"-e", "URL="+url, "-e", "LENGTH="+length.String(), "-e", fmt.Sprintf("VUS=%d", soakUsers))
	}()
	memory := sampleMemory(t, code)
	asked := served(t, url) - before
	goleak.VerifyNone(t, leftOver)

	counted := int(r.total(t, "http_reqs", "count").(float64))
	found := interruptedCount.FindStringSubmatch(r.log.String())
	require.NotNil(t, found, r.log.String())
	interrupted, err := strconv.Atoi(found[1])
	require.NoError(t, err)
	t.Logf("the server was asked %d times; %d requests counted, %d more were cut off; %d iterations interrupted", asked, counted, asked-counted, interrupted)
	assert.GreaterOrEqual(t, asked, counted, "the generator counted what it never asked")
	assert.LessOrEqual(t, asked-counted, interrupted, "requests of iterations that were not interrupted are missing")
	assert.Zero(t, r.total(t, "checks", "fails"), "every answer is a good one")
	judgeMemory(t, memory, min(time.Minute, length/2))
}

// sampleMemory reads this process's resident memory, in MiB, each second until
// the run has ended, and wants the run to end well.
func sampleMemory(t *testing.T, code <-chan int) (samples []float64) {
	t.Helper()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case got := <-code:
			require.Zero(t, got, "exit code")
			return samples
		case <-tick.C:
			samples = append(samples, resident(t))
			if n := len(samples); n%30 == 0 {
				t.Logf("after %d s: %.0f MiB, %d goroutines", n, samples[n-1], runtime.NumGoroutine())
			}
		}
	}
}

func judgeMemory(t *testing.T, samples []float64, warmUp time.Duration) {
	t.Helper()
	steady := samples[min(len(samples), int(warmUp.Seconds())):]
	quarter := len(steady) / 4
	require.Positive(t, quarter, "too few samples")
	middle := func(part []float64) float64 { return slices.Sorted(slices.Values(part))[len(part)/2] }
	first, last := middle(steady[:quarter]), middle(steady[len(steady)-quarter:])
	t.Logf("resident memory after %v: first quarter %.0f MiB, last quarter %.0f MiB, most %.0f MiB", warmUp, first, last, slices.Max(samples))
	assert.LessOrEqual(t, last, soakGrowth*first, "memory grows")
}

func resident(t *testing.T) float64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	require.NoError(t, err)
	return float64(pages*os.Getpagesize()) / (1 << 20)
}

// served is how often the server was asked for the events so far.
func served(t *testing.T, url string) int {
	t.Helper()
	code, text := call(t, http.MethodGet, url+"/count", "")
	require.Equal(t, http.StatusOK, code)
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}
