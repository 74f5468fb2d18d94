package options_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/options"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/pace"
)

func ExampleDecode() {
	o, _, _ := options.Decode([]byte(`{"vus": 5, "duration": "1m30s"}`))
	plan, _ := o.Plan()
	fmt.Println(plan[0].Executor, plan[0].VUs, plan[0].Length())
	// Output: constant-vus 5 1m30s
}

const whole = `{"scenarios": {
	"a": {"executor": "constant-vus", "vus": 3, "duration": "10s", "startTime": 5000, "gracefulStop": "1s", "exec": "f", "env": {"A": "b", "N": 3}, "tags": {"t": "u"}},
	"b": {"executor": "ramping-vus", "startVUs": 0, "stages": [{"duration": "1m", "target": 10}, {"duration": 500, "target": "4"}]},
	"c": {"executor": "shared-iterations", "vus": 2, "iterations": 20, "maxDuration": "1m"},
	"d": {"executor": "per-vu-iterations", "vus": "2", "iterations": 20},
	"e": {"executor": "constant-arrival-rate", "rate": 50000, "timeUnit": "10m", "duration": "1d", "preAllocatedVUs": 5},
	"f": {"executor": "ramping-arrival-rate", "stages": [{"duration": "10s", "target": 10}], "preAllocatedVUs": 5, "maxVUs": 9, "gracefulStop": null}
}, "thresholds": {"http_req_duration{scenario:a}": ["p(95)<200", {"threshold": "max<1000", "abortOnFail": true, "delayAbortEval": "10s"}], "checks": "rate>0.9"},
"tags": {"x": "y"}, "userAgent": "me", "blacklistIPs": ["10.0.0.0/8", "::1"], "summaryTrendStats": ["avg"], "noSetup": true, "setupTimeout": "5s", "maxRedirects": 0, "rps": 5, "nonsense": 1, "throw": null}`

func TestDecode(t *testing.T) {
	t.Parallel()
	o, warnings, err := options.Decode([]byte(whole))
	require.NoError(t, err)
	assert.Equal(t, []string{`option "nonsense" is not known and has no effect`}, warnings)
	require.Len(t, o.Scenarios, 6)
	a, b, c, d, e, f := o.Scenarios[0], o.Scenarios[1], o.Scenarios[2], o.Scenarios[3], o.Scenarios[4], o.Scenarios[5]
	assert.Equal(t, options.Scenario{Name: "a", Executor: "constant-vus", StartTime: 5 * time.Second, GracefulStop: time.Second, Exec: "f", Env: map[string]string{"A": "b", "N": "3"}, Tags: map[string]string{"t": "u"}, VUs: 3, Duration: 10 * time.Second}, a)
	assert.Equal(t, []pace.Stage{{Duration: time.Minute, Target: 10}, {Duration: 500 * time.Millisecond, Target: 4}}, b.Stages)
	assert.Equal(t, 30*time.Second, b.GracefulRampDown)
	assert.Equal(t, 10*time.Minute, d.MaxDuration)
	assert.Equal(t, 24*time.Hour, e.Duration)
	assert.Equal(t, int64(5), e.MaxVUs)
	assert.Equal(t, 30*time.Second, f.GracefulStop)
	assert.Equal(t, "default", f.Exec)
	for s, want := range map[*options.Scenario][3]int64{&a: {0, 3, 3}, &b: {0, 10, 10}, &c: {20, 2, 2}, &d: {40, 2, 2}, &e: {7_200_000, 5, 5}, &f: {50, 5, 9}} {
		ready, most := s.Users(pace.Stripe{})
		assert.Equal(t, want, [3]int64{s.Planned(pace.Stripe{}), ready, most}, s.Name)
	}
	require.Len(t, o.Thresholds, 3)
	assert.Equal(t, "checks: rate>0.9", o.Thresholds[0].String())
	assert.True(t, o.Thresholds[2].AbortOnFail)
	assert.Equal(t, 10*time.Second, o.Thresholds[2].DelayAbortEval.D())
	assert.Nil(t, o.Throw)
	assert.Equal(t, int64(0), options.Or(o.MaxRedirects, 10))
}

func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	scenario := func(s string) string { return `{"scenarios":{"s":` + s + `}}` }
	for text, want := range map[string]string{
		`[]`:                                  "options: want an object",
		`{"vus": -1}`:                         "options.vus: -1 is not a whole number of at least 0",
		`{"vus": "many"}`:                     "options.vus: ",
		`{"iterations": 0}`:                   "options.iterations: 0 is not a whole number of at least 1",
		`{"vus": 1.5}`:                        "options.vus: 1.5 is not a whole number",
		`{"duration": "soon"}`:                `options.duration: "soon" is not a duration: write it like 5m or 30s`,
		`{"duration": "-5s"}`:                 "options.duration: ",
		`{"duration": "xd"}`:                  "options.duration: ",
		`{"stages": [{"duration": "1s"}]}`:    "options.stages: stage 1: needs both",
		`{"stages": [{"length": "1s"}]}`:      "options.stages: stage 1: length: there are only duration and target",
		`{"stages": 3}`:                       "options.stages: want a list",
		`{"throw": 3}`:                        "options.throw: 3 is not true or false",
		`{"userAgent": 3}`:                    "options.userAgent: 3 is not text",
		`{"tags": {"a": {}}}`:                 "options.tags: a: want a text",
		`{"tags": 3}`:                         "options.tags: want an object",
		`{"blacklistIPs": ["x"]}`:             `options.blacklistIPs: "x" is neither an address nor a CIDR`,
		`{"blacklistIPs": 3}`:                 "options.blacklistIPs: want a list",
		`{"systemTags": 3}`:                   "options.systemTags: 3 is not a list",
		`{"thresholds": 3}`:                   "options.thresholds: want an object",
		`{"thresholds": {"checks": 3}}`:       "options.thresholds: checks: 3 is neither",
		`{"thresholds": {"checks": ["x<1"]}}`: `threshold "x<1" of checks: want METHOD OP NUMBER`,
		`{"thresholds": {"a{": ["rate<1"]}}`:  "want METRIC",
		`{"thresholds": {"checks": [{"threshold": "rate<1", "delayAbortEval": "x"}]}}`: "delayAbortEval",
		`{"scenarios": {"ы": {}}}`:               `scenario name "ы"`,
		`{"scenarios": 3}`:                       "options.scenarios: want an object",
		scenario(`{}`):                           "s: executor: nothing is not an executor: want one of",
		scenario(`{"executor": "x"}`):            `s: executor: "x" is not an executor`,
		scenario(`{"executor": "constant-vus"}`): "s: duration: want more than 0",
		scenario(`{"executor": "constant-vus", "duration": "1s", "vus": 0}`):                                                         "s: vus: want 1 to",
		scenario(`{"executor": "constant-vus", "duration": "1s", "vus": 2000000}`):                                                   "s: vus: want 1 to",
		scenario(`{"executor": "constant-vus", "duration": "1s", "stages": []}`):                                                     "s: stages: constant-vus has no such key: it has executor, ",
		scenario(`{"executor": "ramping-vus"}`):                                                                                      "s: stages: want at least one",
		scenario(`{"executor": "ramping-vus", "stages": [{"duration": "1s", "target": 9999999}]}`):                                   "stage 1",
		scenario(`{"executor": "shared-iterations", "vus": 5, "iterations": 2}`):                                                     "s: vus: 5 is more than the 2 iterations",
		scenario(`{"executor": "per-vu-iterations", "iterations": 0}`):                                                               "s: iterations: want at least 1",
		scenario(`{"executor": "per-vu-iterations", "maxDuration": 0}`):                                                              "s: maxDuration: want more than 0",
		scenario(`{"executor": "constant-arrival-rate", "rate": 1, "duration": "1s"}`):                                               "s: preAllocatedVUs: want at least 1",
		scenario(`{"executor": "constant-arrival-rate", "duration": "1s", "preAllocatedVUs": 1}`):                                    "s: rate: want at least 1",
		scenario(`{"executor": "constant-arrival-rate", "rate": 1, "duration": "1s", "preAllocatedVUs": 3, "maxVUs": 2}`):            "s: maxVUs: 2 is less than preAllocatedVUs, 3",
		scenario(`{"executor": "constant-arrival-rate", "rate": 1, "duration": "1s", "preAllocatedVUs": 1, "timeUnit": 0}`):          "s: timeUnit: want more than 0",
		scenario(`{"executor": "ramping-arrival-rate", "preAllocatedVUs": 1, "stages": [{"duration": "1s", "target": 9999999999}]}`): "stage 1",
		scenario(`{"executor": "constant-vus", "duration": "1s", "exec": 3}`):                                                        "s: exec: ",
	} {
		_, _, err := options.Decode([]byte(text))
		assert.ErrorContains(t, err, want, text)
	}
}

func TestPlanOfShortcuts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`:                           "per-vu-iterations 1 1",
		`{"vus": 3}`:                   "shared-iterations 3 3",
		`{"vus": 3, "duration": "5s"}`: "constant-vus 3 0",
		`{"vus": 3, "iterations": 9}`:  "shared-iterations 3 9",
		`{"stages": [{"duration": "1s", "target": 5}]}`: "ramping-vus 0 0",
	} {
		o, _, err := options.Decode([]byte(text))
		require.NoError(t, err)
		plan, err := o.Plan()
		require.NoError(t, err, text)
		assert.Equal(t, want, fmt.Sprint(plan[0].Executor, " ", plan[0].VUs, " ", plan[0].Iterations), text)
		assert.Equal(t, "default", plan[0].Name)
	}
	for _, text := range []string{`{"vus": 0}`, `{"scenarios": {}}`, `{"vus": 3, "iterations": 2}`} {
		o, _, err := options.Decode([]byte(text))
		require.NoError(t, err)
		_, err = o.Plan()
		assert.Error(t, err, text)
	}
}

func TestTiers(t *testing.T) {
	t.Parallel()
	script, _, err := options.Decode([]byte(`{"scenarios": {"s": {"executor": "constant-vus", "duration": "1s"}}, "userAgent": "script", "throw": true, "tags": {"a": "1"}, "systemTags": ["url"]}`))
	require.NoError(t, err)
	env, err := options.FromEnv(map[string]string{"K6_ITERATIONS": "7", "K6_USER_AGENT": "env", "K6_TAGS": "b=2,c=3", "K6_THROW": "0", "K6_BLACKLIST_IPS": "10.0.0.0/8", "OTHER": "x"})
	require.NoError(t, err)
	both := env.Over(script)
	plan, err := both.Plan()
	require.NoError(t, err)
	assert.Equal(t, "shared-iterations", plan[0].Executor, "what to run is replaced as a whole")
	assert.Equal(t, "env", *both.UserAgent)
	assert.False(t, *both.Throw)
	assert.Equal(t, map[string]string{"b": "2", "c": "3"}, both.Tags)
	assert.Equal(t, []string{"url"}, both.SystemTags)
	same := options.Options{}.Over(script)
	assert.Equal(t, script, same)

	for k, v := range map[string]string{"K6_VUS": "x", "K6_DURATION": "x", "K6_STAGES": "1s", "K6_TAGS": "x", "K6_THROW": "maybe"} {
		_, err := options.FromEnv(map[string]string{k: v})
		assert.ErrorContains(t, err, k)
	}
	staged, err := options.FromEnv(map[string]string{"K6_STAGES": "1s:5,2m:0"})
	require.NoError(t, err)
	assert.Equal(t, []pace.Stage{{Duration: time.Second, Target: 5}, {Duration: 2 * time.Minute}}, staged.Stages)
	for _, bad := range []string{"x:1", "1s:x", "1s"} {
		_, err := options.ParseStages([]string{bad})
		assert.Error(t, err, bad)
	}
}

func TestRequire(t *testing.T) {
	t.Parallel()
	users := func(start, length, stop time.Duration, n int64) options.Scenario {
		return options.Scenario{Executor: options.ConstantVUs, StartTime: start, Duration: length, GracefulStop: stop, VUs: n}
	}
	s := time.Second
	for name, tc := range map[string]struct {
		scenarios []options.Scenario
		want      options.Requirements
	}{
		"one after another":     {[]options.Scenario{users(0, 10*s, 0, 3), users(10*s, 10*s, 0, 5)}, options.Requirements{Total: 20 * s, Ready: 5, Max: 5}},
		"gracefulStop overlaps": {[]options.Scenario{users(0, 10*s, 5*s, 3), users(10*s, 10*s, 0, 5)}, options.Requirements{Total: 20 * s, Ready: 8, Max: 8}},
		"at once":               {[]options.Scenario{users(0, 10*s, 0, 3), users(0, 10*s, s, 5)}, options.Requirements{Total: 11 * s, Ready: 8, Max: 8}},
	} {
		assert.Equal(t, tc.want, options.Require(tc.scenarios, pace.Stripe{}), name)
	}
}

func TestBlocklist(t *testing.T) {
	t.Parallel()
	l, err := options.ParseBlocklist([]string{"10.0.0.0/8", "::1", "169.254.169.254"})
	require.NoError(t, err)
	for addr, blocked := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "11.0.0.1": false, "::1": true, "169.254.169.254": true, "169.254.169.253": false} {
		assert.Equal(t, blocked, l.Check(netip.MustParseAddr(addr)) != nil, addr)
	}
}

func TestJSONReadsBack(t *testing.T) {
	t.Parallel()
	o, _, err := options.Decode([]byte(whole))
	require.NoError(t, err)
	text, err := o.JSON(o.Scenarios, map[string]any{"maxVUs": 3})
	require.NoError(t, err)
	again, warnings, err := options.Decode(text)
	require.NoError(t, err)
	assert.Equal(t, []string{`option "maxVUs" is not known and has no effect`}, warnings)
	assert.Equal(t, o.Scenarios, again.Scenarios)
	assert.Equal(t, o.Thresholds, again.Thresholds)
	assert.Equal(t, o.UserAgent, again.UserAgent)
}
