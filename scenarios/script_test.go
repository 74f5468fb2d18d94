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
	requests := map[string]int{"search": 1, "archive": 1, "auth": 1, "booking": 4}
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

func TestBadBookingUsers(t *testing.T) {
	t.Parallel()
	_, err := start(t, "booking", map[string]string{"API_URL": "http://127.0.0.1:1", "BOOKING_USERS": "all"})
	require.ErrorContains(t, err, `BOOKING_USERS is "all"`)
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
	require.Equal(t, "10000ms", booking["verify"].StartTime, "after the contention")
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
