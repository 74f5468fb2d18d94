package scenarios_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
	"github.com/hackload-kz/hackload/scenarios"
)

// root is where the compiler believes the set to be; it is read from memory.
const root = "/scenarios"

// compile compiles a script of the set, over which own files (name to content)
// are laid.
func compile(name string, own map[string]string) (*script.Program, error) {
	return script.Compile(script.Source{
		Path: path.Join(root, name+".js"),
		ReadFile: func(file string) ([]byte, error) {
			file = strings.TrimPrefix(file, root+"/")
			if content, ok := own[file]; ok {
				return []byte(content), nil
			}
			return fs.ReadFile(scenarios.Files(), file)
		},
	})
}

// shipped compiles the scripts as they are, once for all tests.
var shipped = sync.OnceValues(func() (map[string]*script.Program, error) {
	programs := map[string]*script.Program{}
	for _, name := range scenarios.Names() {
		program, err := compile(name, nil)
		if err != nil {
			return nil, err
		}
		programs[name] = program
	}
	return programs, nil
})

// start runs the init context of a shipped script.
func start(t *testing.T, name string, env map[string]string) (*script.VM, error) {
	t.Helper()
	programs, err := shipped()
	require.NoError(t, err)
	return run(t, programs[name], env)
}

func run(t *testing.T, program *script.Program, env map[string]string) (*script.VM, error) {
	t.Helper()
	reg := metric.NewRegistry()
	vm, err := program.New(t.Context(), &script.Config{
		Registry: reg, HTTP: httpx.NewTransport(httpx.Config{}), Tags: metric.NewTags(nil),
		Env: env, Log: slog.New(slog.DiscardHandler), Test: &script.Test{},
	}, metric.NewAggregator(reg, nil, 1).Shard(0), 0)
	if vm != nil {
		t.Cleanup(vm.Close)
	}
	return vm, err
}

// declared is what a script says in its options.
type declared struct {
	Scenarios map[string]struct {
		Executor, Exec, StartTime, Duration, TimeUnit, GracefulStop, MaxDuration string
		Rate, PreAllocatedVUs, MaxVUs, VUs, Iterations                           int
		Stages                                                                   []struct {
			Target   int
			Duration string
		}
	}
	Thresholds map[string][]string
}

func optionsOf(t *testing.T, name string, env map[string]string) declared {
	t.Helper()
	vm, err := start(t, name, env)
	require.NoError(t, err)
	text, err := vm.OptionsJSON()
	require.NoError(t, err)
	var o declared
	require.NoError(t, json.Unmarshal(text, &o))
	return o
}

func TestLevelsBecomeAnOpenModel(t *testing.T) {
	t.Parallel()
	requests := map[string]int{"search": 1, "archive": 1, "auth": 1, "booking": 4, "cancellation": 4}
	levels := map[string]contest.Level{
		"30 a second":          {Users: 30, Ramp: contest.Duration(time.Second), Duration: contest.Duration(5 * time.Second)},
		"50k in ten minutes":   {Users: 50_000, TimeUnit: contest.Duration(10 * time.Minute), Ramp: contest.Duration(time.Minute), Duration: contest.Duration(10 * time.Minute)},
		"less than one second": {Users: 7, TimeUnit: contest.Duration(1500 * time.Millisecond), Duration: contest.Duration(90 * time.Second)},
	}
	for _, name := range scenarios.Names() {
		for title, level := range levels {
			t.Run(name+" at "+title, func(t *testing.T) {
				t.Parallel()
				o := optionsOf(t, name, map[string]string{
					"API_URL": "http://127.0.0.1:1", "USERS": fmt.Sprint(level.Users), "TIME_UNIT": level.Unit().String(),
					"RAMP": fmt.Sprint(level.Ramp.D().Milliseconds()), "DURATION": level.Duration.String(),
				})
				steady := o.Scenarios["steady"]
				require.Equal(t, "constant-arrival-rate", steady.Executor)
				require.Equal(t, level.Users, steady.Rate)
				require.Equal(t, millis(level.Unit()), steady.TimeUnit)
				require.Equal(t, millis(level.Ramp.D()), steady.StartTime)
				require.Equal(t, millis(level.Duration.D()), steady.Duration)
				vus := level.VUs(2*time.Second, requests[name])
				require.Equal(t, vus, steady.PreAllocatedVUs, "Go and the script must agree")
				require.Equal(t, vus, steady.MaxVUs)

				warmup, ramps := o.Scenarios["warmup"]
				require.Equal(t, level.Ramp > 0, ramps)
				if ramps {
					require.Equal(t, "ramping-arrival-rate", warmup.Executor)
					require.Equal(t, level.Users, warmup.Stages[0].Target)
					require.Equal(t, millis(level.Ramp.D()), warmup.Stages[0].Duration)
				}
			})
		}
	}
}

// TestWhoCancels counts the cancellations of a level's judged phase.
func TestWhoCancels(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		env     map[string]string
		first   int // the first arrival that cancels
		cancels int
	}{
		{"the rule sheet: 90,000 book, after 3 minutes 10,000 cancel",
			map[string]string{"USERS": "100000", "TIME_UNIT": "10m", "DURATION": "10m"}, 30_000, 10_000},
		{"a small level: enough to see something", map[string]string{"USERS": "8", "DURATION": "3s"}, 12, 6},
		{"a short one: a booking within the bound is over by then", map[string]string{"USERS": "10", "DURATION": "20s"}, 80, 20},
		{"never more than half of those who come", map[string]string{"USERS": "4", "DURATION": "2s"}, 4, 2},
		{"later", map[string]string{"USERS": "10", "DURATION": "100s", "CANCEL_AFTER": "90s"}, 900, 50},
		{"fewer", map[string]string{"USERS": "10", "DURATION": "100s", "CANCEL_PERCENT": "1"}, 300, 10},
	}
	count := map[string]string{"count.js": `
		import { cancels, options } from './cancellation.js';
		export function count() {
			const { rate, timeUnit, duration } = options.scenarios.steady;
			const total = (rate * parseInt(duration)) / parseInt(timeUnit);
			const all = [...Array(total).keys()].filter((n) => cancels(n));
			return { first: all[0], cancels: all.length };
		}
		export default count;`}
	program, err := compile("count", count)
	require.NoError(t, err)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.env["API_URL"] = "http://127.0.0.1:1"
			vm, err := run(t, program, c.env)
			require.NoError(t, err)
			text, err := vm.Run(t.Context(), "count", "", "")
			require.NoError(t, err)
			require.JSONEq(t, fmt.Sprintf(`{"first": %d, "cancels": %d}`, c.first, c.cancels), text)
		})
	}
}

func TestBadOptionsOfTheTicketScripts(t *testing.T) {
	t.Parallel()
	cases := []struct{ script, key, value, want string }{
		{"booking", "BOOKING_USERS", "all", `BOOKING_USERS is "all"`},
		{"cancellation", "BOOKING_USERS", "0", `BOOKING_USERS is "0"`},
		{"cancellation", "CANCEL_PERCENT", "some", `CANCEL_PERCENT is "some"`},
		{"cancellation", "CANCEL_AFTER", "soon", `CANCEL_AFTER is "soon"`},
		{"cancellation", "CANCEL_AFTER", "30s", "CANCEL_AFTER is 30000 ms: it must be shorter than DURATION, 30000 ms"},
	}
	for _, c := range cases {
		t.Run(c.script+" "+c.key+" "+c.value, func(t *testing.T) {
			t.Parallel()
			_, err := start(t, c.script, map[string]string{"API_URL": "http://127.0.0.1:1", c.key: c.value})
			require.ErrorContains(t, err, c.want)
		})
	}
}

func millis(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }

// TestThresholds is the list of what the shipped scripts judge by.
func TestThresholds(t *testing.T) {
	t.Parallel()
	http := map[string][]string{
		"http_req_duration{scenario:steady}": {"p(95)<2000"},
		"http_req_failed{scenario:steady}":   {"rate<0.05"},
		"checks{scenario:steady}":            {"rate>0.95"},
	}
	want := map[string]map[string][]string{
		"search":  http,
		"archive": http,
		"auth": {
			"http_req_duration{scenario:steady}": {"p(95)<2000"},
			"http_req_failed{scenario:steady}":   {"rate<0.05"},
			"checks{scenario:steady}":            {"rate>0.95"},
			"checks{scenario:walk}":              {"rate>0.95"},
		},
		"booking": {
			"http_req_duration{scenario:steady}": {"p(95)<2000"},
			"booking_success{scenario:steady}":   {"rate>0.95"},
			"double_sold_seats":                  {"count<1"},
			"not_provable":                       {"count<1"},
		},
		"cancellation": {
			"http_req_duration{scenario:steady}":                                 {"p(95)<2000"},
			"http_req_duration{scenario:steady,name:PATCH /api/bookings/cancel}": {"p(95)<2000"},
			"booking_success{scenario:steady}":                                   {"rate>0.95"},
			"cancel_success{scenario:steady}":                                    {"rate>0.95"},
			"double_sold_seats":                                                  {"count<1"},
			"double_freed_seats":                                                 {"count<1"},
			"seats_not_freed":                                                    {"count<1"},
			"not_provable":                                                       {"count<1"},
		},
	}
	for _, name := range scenarios.Names() {
		got := optionsOf(t, name, map[string]string{"API_URL": "https://team.example"}).Thresholds
		require.Equal(t, want[name], got, name)
		for selector, expressions := range got {
			for _, expression := range expressions {
				_, err := contest.ParseThreshold(selector, expression)
				require.NoError(t, err)
			}
		}
	}
}

func TestWhatRunsBesideTheLoad(t *testing.T) {
	t.Parallel()
	env := map[string]string{"API_URL": "https://team.example", "RAMP": "1s", "DURATION": "5s"}
	walk := optionsOf(t, "auth", env).Scenarios["walk"]
	require.Equal(t, "per-vu-iterations", walk.Executor)
	require.Equal(t, [2]int{1, 6}, [2]int{walk.VUs, walk.Iterations}, "6 iterations of 7 requests: 42")

	booking := optionsOf(t, "booking", env).Scenarios
	require.Equal(t, [2]int{10, 1}, [2]int{booking["contention"].VUs, booking["contention"].Iterations})
	require.Equal(t, [2]int{1, 1}, [2]int{booking["verify"].VUs, booking["verify"].Iterations})
	require.Equal(t, "6500ms", booking["contention"].StartTime, "after the load")
	require.Equal(t, "9000ms", booking["verify"].StartTime, "after the contention")

	look := optionsOf(t, "cancellation", env).Scenarios["verify"]
	require.Equal(t, [2]int{1, 1}, [2]int{look.VUs, look.Iterations})
	require.Equal(t, "2875ms", look.StartTime, "before the cancellations begin, 2.5 s into the judged phase")
}

func TestBadEnvironment(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, key, value, want string
	}{
		{"no target", "API_URL", "", "API_URL is not set"},
		{"a target without scheme", "API_URL", "127.0.0.1:8081", "API_URL is not an address"},
		{"a target with a space", "API_URL", "http://team example", "API_URL is not an address"},
		{"a target of another scheme", "API_URL", "file:///etc/passwd", "API_URL is not an address"},
		{"users that are no number", "USERS", "many", `USERS is "many"`},
		{"no users", "USERS", "0", "USERS is"},
		{"half a user", "USERS", "0.5", "USERS is"},
		{"a duration without unit", "DURATION", "1.5", "DURATION is"},
		{"a duration of another unit", "RAMP", "5 parsecs", "RAMP is"},
		{"a negative duration", "RAMP", "-5s", "RAMP is"},
		{"no duration at all", "DURATION", "0s", "longer than 0"},
		{"no time unit", "TIME_UNIT", "0", "longer than 0"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, name := range scenarios.Names() {
				env := map[string]string{"API_URL": "http://127.0.0.1:1", c.key: c.value}
				_, err := start(t, name, env)
				require.ErrorContains(t, err, c.want, name)
			}
		})
	}
}
