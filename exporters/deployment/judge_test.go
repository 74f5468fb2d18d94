package deployment_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/deployment"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

var noon = time.Date(2025, 8, 16, 12, 0, 0, 0, time.UTC)

// walked is a look whose walk took as long for each call and in which the given
// endpoints, counted from 0, answered 500.
func walked(scheme string, took time.Duration, broken ...int) deployment.Facts {
	f := deployment.Facts{
		State: deployment.Looked, At: noon, WalkedAt: noon, Reset: true,
		Address: deployment.Address{Scheme: scheme, Host: "team.example.org", Path: "/app?x=1", Target: "team.example.org:443"},
		DNS:     deployment.DNS{Addresses: 2},
		Probe:   deployment.Answer{Status: 200, Took: took},
	}
	for _, e := range deployment.Endpoints() {
		f.Walk = append(f.Walk, deployment.Result{Endpoint: e, Answer: deployment.Answer{Status: e.Accepted[0], Took: took}})
	}
	for _, i := range broken {
		f.Walk[i].Answer.Status = 500
	}
	return f
}

func with(f deployment.Facts, change func(*deployment.Facts)) deployment.Facts {
	change(&f)
	return f
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	all := deployment.Endpoints()
	require.Len(t, all, 13)
	critical, safe := 0, []string{}
	for _, e := range all {
		if e.Critical {
			critical++
		}
		if e.Safe {
			safe = append(safe, e.String())
		}
	}
	require.Equal(t, 9, critical)
	require.Equal(t, []string{"GET /api/events", "GET /api/bookings", "GET /api/seats", "GET /api/analytics"}, safe)
}

func TestJudgeEndpoints(t *testing.T) {
	t.Parallel()
	const fast = 100 * time.Millisecond
	state := func(s deployment.State) deployment.Facts {
		return deployment.Facts{State: s, Reason: "Said.", At: noon}
	}
	rows := map[string]struct {
		facts   deployment.Facts
		status  contest.Status
		score   int
		invalid bool
	}{
		"all, https, fast":         {walked("https", fast), contest.Passed, 105, false},
		"all, http, fast":          {walked("http", fast), contest.Passed, 100, false},
		"just fast":                {walked("http", 499*time.Millisecond), contest.Passed, 100, false},
		"not so fast":              {walked("http", 500*time.Millisecond), contest.Passed, 97, false},
		"a second":                 {walked("http", time.Second), contest.Passed, 95, false},
		"two seconds":              {walked("http", 2*time.Second), contest.Passed, 92, false},
		"five seconds":             {walked("http", 5*time.Second), contest.Passed, 90, false},
		"two critical ones broken": {walked("http", fast, 0, 12), contest.Passed, 50 + 23 + 10, false},        // 11/13 = 84.6 %, 7/9 = 77.8 %
		"three critical ones":      {walked("http", fast, 0, 1, 12), contest.Failed, 20 + 38 + 5, false},      // 10/13 = 76.9 %
		"all others broken":        {walked("http", fast, 8, 9, 10, 11), contest.Passed, 41 + 30 + 10, false}, // 9/13 = 69.2 %
		"nothing works":            {walked("https", fast, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), contest.Failed, 25, false},
		"nothing works, slow":      {walked("https", 5*time.Second, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), contest.Failed, 20, false},
		"under load":               {with(walked("http", fast), func(f *deployment.Facts) { f.UnderLoad = true }), contest.NoData, 0, true},
		"our own trouble": {with(walked("http", fast), func(f *deployment.Facts) {
			f.Walk[3].Answer = deployment.Answer{Failure: deployment.Ours, Reason: "said"}
		}), contest.NoData, 0, true},
		"no endpoint":     {state(deployment.None), contest.NoData, 0, false},
		"no address":      {state(deployment.Malformed), contest.NoData, 0, false},
		"no such host":    {state(deployment.NoHost), contest.NoData, 0, false},
		"private":         {state(deployment.Private), contest.Failed, 0, false},
		"no name servers": {state(deployment.Unresolved), contest.NoData, 0, true},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := deployment.Judge(at("x"), dayRule(), row.facts)
			require.Equal(t, row.status, v.Status)
			require.Equal(t, row.score, v.Score)
			require.Equal(t, row.invalid, v.Invalid)
			fit(t, v)

			half := dayRule()
			half.Points = 55
			require.InDelta(t, float64(row.score)/2, float64(deployment.Judge(at("x"), half, row.facts).Score), 0.5)
		})
	}
}

func TestJudgeHTTP(t *testing.T) {
	t.Parallel()
	probed := func(status int, failure deployment.Failure) deployment.Facts {
		return with(walked("http", time.Second, 0, 1, 2, 3), func(f *deployment.Facts) {
			f.Probe = deployment.Answer{Status: status, Failure: failure, Reason: "said", Took: 1500 * time.Millisecond}
		})
	}
	loaded := func(f deployment.Facts) deployment.Facts { f.UnderLoad = true; return f }
	state := func(s deployment.State) deployment.Facts {
		return deployment.Facts{State: s, Reason: "Said.", At: noon}
	}
	rows := map[string]struct {
		facts   deployment.Facts
		status  contest.Status
		invalid bool
	}{
		"200":                {probed(200, ""), contest.Passed, false},
		"299":                {probed(299, ""), contest.Passed, false},
		"300":                {probed(300, ""), contest.Failed, false},
		"199":                {probed(199, ""), contest.Failed, false},
		"401":                {probed(401, ""), contest.Failed, false},
		"timeout":            {probed(0, deployment.Timeout), contest.Failed, false},
		"our own trouble":    {probed(0, deployment.Ours), contest.NoData, true},
		"200 under load":     {loaded(probed(200, "")), contest.Passed, false},
		"500 under load":     {loaded(probed(500, "")), contest.NoData, true},
		"timeout under load": {loaded(probed(0, deployment.Timeout)), contest.NoData, true},
		"no endpoint":        {state(deployment.None), contest.NoData, false},
		"no address":         {state(deployment.Malformed), contest.Failed, false},
		"no such host":       {state(deployment.NoHost), contest.Failed, false},
		"private":            {state(deployment.Private), contest.Failed, false},
		"no name servers":    {state(deployment.Unresolved), contest.NoData, true},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := deployment.Judge(at("x"), httpRule(), row.facts)
			require.Equal(t, row.status, v.Status)
			require.Equal(t, row.invalid, v.Invalid)
			require.Equal(t, map[bool]int{true: 1, false: 0}[row.status == contest.Passed], v.Score)
			fit(t, v)
			invalid := false
			for _, f := range v.Findings {
				invalid = invalid || f.Outcome == contest.OutcomeInvalid
				if row.status == contest.Passed {
					require.NotEqual(t, contest.OutcomeFailed, f.Outcome, "%s: the walk decides nothing", f.Rule)
				}
			}
			require.Equal(t, row.invalid, invalid)
		})
	}
}

func TestMetricsOfBothRules(t *testing.T) {
	t.Parallel()
	f := walked("https", 250*time.Millisecond, 12)
	v := deployment.Judge(at("x"), httpRule(), f)
	require.Equal(t, "https://team.example.org/app", v.Metrics["endpointUrl"])
	require.Equal(t, "Демо", v.Metrics["confirmationTitle"])
	require.Equal(t, "2025-08-16T12:00:00Z", v.Metrics["lastChecked"])
	require.EqualValues(t, 250, v.Metrics["responseTime"])
	require.Equal(t, 200, v.Metrics["statusCode"])
	require.Equal(t, true, v.Metrics["isAccessible"])

	v = deployment.Judge(at("x"), dayRule(), f)
	require.Equal(t, "https://team.example.org", v.Metrics["endpointUrl"])
	require.Equal(t, "API Endpoints", v.Metrics["confirmationTitle"])
	require.Equal(t, "12/13 эндпойнтов работают (92.3%)", v.Metrics["confirmationDescription"])
	require.InDelta(t, 92.3, v.Metrics["successRate"], 1e-9)
	require.InDelta(t, 88.9, v.Metrics["criticalSuccessRate"], 1e-9)
	require.Equal(t, "8 of 9 critical endpoints work. At least 75 % are wanted.", finding(v, "critical endpoints").Sentence)
	require.Equal(t, "POST /api/reset does not work: it answered 500 instead of 200 or 204.", finding(v, "POST /api/reset").Sentence)
}

func TestRulesCheck(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		rules deployment.Rules
		want  string
	}{
		"no rule":         {deployment.Rules{}, "is not known"},
		"negative points": {deployment.Rules{Rule: "http", Points: -1}, "cannot be negative"},
		"share over all":  {deployment.Rules{Rule: "http", Critical: 101}, "is none"},
	} {
		_, err := deployment.New(config(), row.rules)
		require.ErrorContains(t, err, row.want, name)
	}
}

func TestSecureEndpointIsNotTold(t *testing.T) {
	t.Parallel()
	team := contest.Team{Slug: "good", Endpoint: "https://team.example.org", Secure: []string{contest.SecureEndpoint}}
	for _, rule := range []string{deployment.RuleHTTP, deployment.RuleEndpoints} {
		v := deployment.Judge(team, deployment.Rules{Rule: rule, Points: 1, Critical: 75}, walked("https", time.Second))
		for _, key := range []string{"endpointUrl", "confirmationUrl"} {
			require.Equal(t, "", v.Metrics[key], "%s %s", rule, key)
		}
		told, err := json.Marshal([]any{v.Metrics, v.Findings})
		require.NoError(t, err)
		require.NotContains(t, string(told), "team.example.org")
	}
}
