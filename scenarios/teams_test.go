package scenarios_test

import (
	"bytes"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
	"github.com/hackload-kz/hackload/orchestrator/loadgen"
	"github.com/hackload-kz/hackload/scenarios"
)

// The generator's exit codes.
const (
	exitDone       = 0
	exitThresholds = 99
)

// TestSampleTeams runs each script against each sample team on real sockets:
// good passes, and every other one fails by what is wrong with it, and by that
// alone.
func TestSampleTeams(t *testing.T) {
	t.Parallel()
	const passes = ""
	cases := []struct {
		kind   biletter.Kind
		script string
		fails  string // the threshold that must be lost
	}{
		{biletter.Good, "search", passes},
		{biletter.Good, "archive", passes},
		{biletter.Good, "auth", passes},
		{biletter.Good, "booking", passes},
		{biletter.Good, "cancellation", passes},
		{biletter.Slow, "search", "http_req_duration{scenario:steady}: p(95)<2000"},
		{biletter.Slow, "archive", "http_req_duration{scenario:steady}: p(95)<2000"},
		{biletter.Flaky, "search", "http_req_failed{scenario:steady}: rate<0.05"},
		{biletter.Flaky, "archive", "http_req_failed{scenario:steady}: rate<0.05"},
		// Which of its requests are every twelfth depends on how two scenarios mix.
		{biletter.Flaky, "auth", "thresholds failed"},
		{biletter.Flaky, "booking", "booking_success{scenario:steady}: rate>0.95"},
		{biletter.Flaky, "cancellation", "{scenario:steady}: rate>0.95"}, // of bookings or cancellations, by counter
		{biletter.Oversold, "search", passes},
		{biletter.Oversold, "auth", passes},
		{biletter.Oversold, "booking", "double_sold_seats: count<1"},
		{biletter.Oversold, "cancellation", "double_freed_seats: count<1"},
		{biletter.Leaky, "search", passes},
		{biletter.Leaky, "auth", "checks{scenario:walk}: rate>0.95"},
		{biletter.Leaky, "booking", passes},
		{biletter.Leaky, "cancellation", passes},
	}
	// Rivals of a busy machine are further apart than those of an idle one.
	const window = 100 * time.Millisecond
	world, err := biletter.NewWorld(time.Now())
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, scenarios.Materialise(scenarios.Files(), dir))
	// Almost all of the time is waiting, so all runs wait together; subtests
	// would be held to one per processor.
	type outcome struct {
		code int
		told string
	}
	try := func(kind biletter.Kind, script string) (o outcome) {
		service, err := biletter.New(kind, biletter.Options{World: world, RaceWindow: window})
		if err != nil {
			return outcome{told: err.Error()}
		}
		server := httptest.NewServer(service)
		defer server.Close()
		o.code, o.told = measure(t, filepath.Join(dir, script+".js"), server.URL)
		return o
	}
	outcomes := make([]outcome, len(cases))
	var group sync.WaitGroup
	for i, c := range cases {
		group.Go(func() { outcomes[i] = try(c.kind, c.script) })
	}
	group.Wait()
	for i, c := range cases {
		t.Run(string(c.kind)+" "+c.script, func(t *testing.T) {
			want := exitDone
			if c.fails != passes {
				want = exitThresholds
			}
			got := outcomes[i]
			// At so small a level a machine that stalls is a slow team, and it is
			// chance which requests are every twelfth: alone, it is tried again.
			for tries := 1; tries < 3 && (got.code != want || !strings.Contains(got.told, c.fails)); tries++ {
				got = try(c.kind, c.script)
			}
			require.Equal(t, want, got.code, got.told)
			require.Contains(t, got.told, c.fails)
		})
	}
}

// measure runs a script at a small level, or at what env says of it, and returns
// the generator's exit code and all that it said.
func measure(t *testing.T, script, target string, env ...string) (code int, told string) {
	var out bytes.Buffer
	args := []string{
		"run", script, "-q", "-e", "API_URL=" + target, "-e", "USERS=24", "-e", "RAMP=0", "-e", "DURATION=1s",
		"-e", "TIME_UNIT=" + unitOf(script),
	}
	for _, pair := range env {
		args = append(args, "-e", pair)
	}
	code = loadgen.Command(t.Context(), args, loadgen.IO{Stdout: &out, Stderr: &out})
	return code, out.String()
}

// unitOf slows the arrivals of bookings down: each of them is several requests.
func unitOf(script string) string {
	switch filepath.Base(script) {
	case "booking.js", "cancellation.js":
		return "4s"
	}
	return "1s"
}
