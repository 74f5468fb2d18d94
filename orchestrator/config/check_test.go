package config

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestShippedContestsCheckOut(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"default", "hackload-2025", "dev"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Load(Source{Flags: map[string]string{"contest": name}})
			require.NoError(t, err)
			assert.Empty(t, c.Check(nil))
		})
	}
}

func TestDevFitsALaptop(t *testing.T) {
	t.Parallel()
	c, err := Dev()
	require.NoError(t, err)
	assert.Empty(t, c.Check(nil))
	assert.Equal(t, 2, c.Load.MaxTargets)
	assert.True(t, c.Load.AllowPrivateTargets)
	assert.False(t, c.JSONLogs())
	for name, rules := range c.Contest.Criteria {
		if rules.Scenario == "" {
			continue
		}
		require.Len(t, rules.Levels, 1, name)
		level, requests := rules.Levels[0], 1
		if name == contest.TicketBooking || name == contest.TicketCancellation {
			requests = 4
		}
		assert.Equal(t, 1, rules.Repeats, name)
		assert.LessOrEqual(t, level.Rate(), 30.0, name)
		assert.LessOrEqual(t, level.VUs(2*time.Second, requests), 150, name)
		assert.LessOrEqual(t, level.Ramp.D()+level.Duration.D(), 6*time.Second, name)
	}
}

// TestDefaultLevelsAreTheCard holds the default rules against the design card.
func TestDefaultLevelsAreTheCard(t *testing.T) {
	t.Parallel()
	c, err := Shipped("default")
	require.NoError(t, err)
	want := map[contest.Criterion][]int{
		contest.EventSearch: {5000, 25000, 50000}, contest.ArchiveSearch: {5000}, contest.AuthPerformance: {50000},
		contest.TicketBooking: {25000, 50000, 100000},
	}
	for name, users := range want {
		var got []int
		for _, level := range c.Criteria[name].Levels {
			got = append(got, level.Users)
			assert.Equal(t, 10*time.Minute, level.Unit(), name)
			assert.Equal(t, 1, level.Points, name)
		}
		assert.Equal(t, users, got, name)
		assert.Equal(t, 3, c.Criteria[name].Repeats, name)
	}
	assert.Equal(t, []string{"ENDPOINT_URL", "APPLICATION_URL"}, c.Keys(contest.TicketBooking), "load goes to the deployed solution")
	assert.Equal(t, []string{"Repo", "GITHUB_REPOSITORY_URL"}, c.Keys(contest.CodeRepo))
	assert.Equal(t, Commits{Min: 10, Recent: duration(24 * time.Hour)}, c.Criteria[contest.CodeRepo].Commits)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	const levels = "contest:\n  criteria:\n    EVENT_SEARCH:\n      scenario: search\n      "
	only := "services: {git-monitor: {enabled: false}, deployment-monitor: {enabled: false}, cost-tracking: {enabled: false}, k6-archive-testing: {enabled: false}, k6-auth-testing: {enabled: false}, k6-booking-testing: {enabled: false}, k6-search-testing: {timeout: 5m}}\n"
	tests := []struct{ name, file, want string }{
		{"longer than its timeout", only + levels + "levels: [{users: 1, ramp: 1m, duration: 3m}]", "EVENT_SEARCH: level 1 takes 5m30s with everything around it, longer than services.k6-search-testing.timeout (5m0s)"},
		{"just fits", only + levels + "levels: [{users: 1, ramp: 30s, duration: 3m}]", ""},
		{"not ascending", only + levels + "levels: [{users: 10, duration: 1m}, {users: 100, time_unit: 10s, duration: 1m}]", "EVENT_SEARCH: level 2 asks no more than level 1: levels must ascend"},
		{"no levels", only + levels + "repeats: 3", "EVENT_SEARCH: has no levels, so nothing can be passed"},
		{"no users", only + levels + "levels: [{duration: 1m}]", "EVENT_SEARCH: level 1 needs users between 1 and 10000000"},
		{"no time and negative points", only + levels + "levels: [{users: 1, points: -1}]", "EVENT_SEARCH: level 1 needs a duration of at least 1s and has negative points, which the Hub refuses"},
		{"even repeats", only + levels + "repeats: 2\n      levels: [{users: 1, duration: 1m}]", "EVENT_SEARCH: repeats is 2: it must be odd, so that the median decides"},
		{"unknown scenario", only + strings.Replace(levels, "search\n", "serch\n", 1) + "levels: [{users: 1, duration: 1m}]", `EVENT_SEARCH: scenario "serch" is not known, did you mean "search"? (allowed: search, archive, auth, booking, cancellation)`},
		{"no rules for a service", strings.Replace(only, "k6-auth-testing: {enabled: false}", "k6-auth-testing: {enabled: true}", 1) + levels + "levels: [{users: 1, duration: 1m}]", "service k6-auth-testing is enabled, but the contest has no rules for AUTH_PERFORMANCE"},
		{"address", "hub: {url: hub.hackload.kz}", "hub.url is not an address that starts with http:// or https://"},
		{"no time for the Hub", "hub: {timeout: 0}", "hub.timeout must be longer than nothing"},
		{"same ports", "web: {port: 9090}", "web.port and web.metrics_port are both 9090, they must differ"},
		{"listen", "metrics: {listen: loopback}", `metrics.listen "loopback" is not host:port`},
		{"ends before it starts", only + "contest: {starts_at: 2026-01-02, ends_at: 2026-01-01, freeze_at: 2026-01-01, criteria: {EVENT_SEARCH: {scenario: search, levels: [{users: 1, duration: 1m}]}}}", "the contest's ends_at is not after its starts_at\nthe contest's freeze_at is not after its starts_at"},
		{"excluded", only + "contest: {teams: {exclude: ['a b']}, criteria: {EVENT_SEARCH: {scenario: search, levels: [{users: 1, duration: 1m}]}}}", `teams.exclude: "a b" is not a team's nickname`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := Load(Source{Data: []byte(tt.file)})
			require.NoError(t, err)
			assert.Equal(t, tt.want, strings.Join(c.Check(nil), "\n"))
		})
	}
}

func TestServeNeedsAHub(t *testing.T) {
	t.Parallel()
	c, err := Load(Source{})
	require.NoError(t, err)
	err = c.ValidateServe()
	require.ErrorContains(t, err, "API_BASE_URL")
	require.ErrorContains(t, err, "SERVICE_API_KEY")
	c, err = Load(Source{Getenv: env("API_BASE_URL", "https://hub.hackload.kz", "SERVICE_API_KEY", "sk_1")})
	require.NoError(t, err)
	require.NoError(t, c.ValidateServe())
}

func TestLoadWindows(t *testing.T) {
	t.Parallel()
	parse := func(windows string) *Contest {
		c, err := ParseContest("contest.yaml", []byte("timezone: Asia/Almaty\nwindows: "+windows))
		require.NoError(t, err)
		return c
	}
	tests := []struct {
		windows, local string
		want           bool
	}{
		{"[]", "03:00", true},
		{`[{from: "09:00", to: "18:00"}]`, "09:00", true},
		{`[{from: "09:00", to: "18:00"}]`, "18:00", false},
		{`[{from: "09:00", to: "18:00"}]`, "08:59", false},
		{`[{from: "22:00", to: "06:00"}]`, "23:30", true},
		{`[{from: "22:00", to: "06:00"}]`, "05:59", true},
		{`[{from: "22:00", to: "06:00"}]`, "12:00", false},
		{`[{from: "09:00", to: "10:00"}, {from: "12:00", to: "24:00"}]`, "23:59", true},
	}
	for _, tt := range tests {
		t.Run(tt.windows+" at "+tt.local, func(t *testing.T) {
			t.Parallel()
			c := parse(tt.windows)
			at, err := time.ParseInLocation("2006-01-02 15:04", "2026-01-02 "+tt.local, c.Timezone)
			require.NoError(t, err)
			assert.Equal(t, tt.want, c.LoadAllowed(at.UTC()))
		})
	}
}

func TestRunning(t *testing.T) {
	t.Parallel()
	c := &Contest{StartsAt: time.Unix(100, 0), EndsAt: time.Unix(200, 0)}
	for unix, want := range map[int64]bool{99: false, 100: true, 199: true, 200: false} {
		assert.Equal(t, want, c.Running(time.Unix(unix, 0)), unix)
	}
	assert.True(t, (&Contest{}).Running(time.Unix(1, 0)))
}

func TestCronRunsInTheContestsZone(t *testing.T) {
	t.Parallel()
	almaty, err := time.LoadLocation("Asia/Almaty")
	require.NoError(t, err)
	next := Cron("0 9 * * *").Next(time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC), almaty)
	assert.Equal(t, "2026-01-03T04:00:00Z", next.UTC().Format(time.RFC3339))
	assert.True(t, Cron("never").Next(time.Now(), time.UTC).IsZero())
}

func TestRulesHashFollowsOneCriterion(t *testing.T) {
	t.Parallel()
	hash := func(file string, c contest.Criterion) string {
		rules, err := ParseContest("contest.yaml", []byte(file))
		require.NoError(t, err)
		h, err := rules.RulesHash(c)
		require.NoError(t, err)
		return h
	}
	base := "criteria: {EVENT_SEARCH: {scenario: search, env: {B: b, A: a}}, ARCHIVE_SEARCH: {scenario: archive}}"
	same := "criteria: {ARCHIVE_SEARCH: {scenario: archive, score: highest}, EVENT_SEARCH: {env: {A: a, B: b}, scenario: search}}"
	assert.Equal(t, hash(base, contest.EventSearch), hash(same, contest.EventSearch))
	assert.NotEqual(t, hash(base, contest.ArchiveSearch), hash(same, contest.ArchiveSearch))
	assert.Len(t, hash(base, contest.EventSearch), 64)
}

// TestTheRuleSheetsCancellation: the day's file holds the level that was never
// run, and turning its service on is all that it takes.
func TestTheRuleSheetsCancellation(t *testing.T) {
	t.Parallel()
	c, err := Load(Source{Flags: map[string]string{"contest": "hackload-2025"}})
	require.NoError(t, err)
	assert.False(t, c.Services[contest.CancellationTesting].Enabled, "off by default")
	service := c.Services[contest.CancellationTesting]
	service.Enabled = true
	c.Services[contest.CancellationTesting] = service
	assert.Empty(t, c.Check(nil))

	rules := c.Contest.Criteria[contest.TicketCancellation]
	thresholds, err := rules.ParsedThresholds()
	require.NoError(t, err)
	var got []string
	for _, threshold := range thresholds {
		got = append(got, threshold.String())
	}
	assert.Subset(t, got, []string{"http_req_duration{scenario:steady}: p(95)<3000", "cancel_success{scenario:steady}: rate>=0.99"})
	require.Len(t, rules.Levels, 1)
	assert.Equal(t, 100_000, rules.Levels[0].Users, "90,000 who book and 10,000 who cancel")
	assert.Equal(t, map[string]string{"CANCEL_AFTER": "3m", "CANCEL_PERCENT": "10"}, rules.Env)
}

func TestThresholdsReplaceTheScripts(t *testing.T) {
	t.Parallel()
	c, err := Shipped("hackload-2025")
	require.NoError(t, err)
	for _, name := range []contest.Criterion{contest.EventSearch, contest.ArchiveSearch} {
		thresholds, err := c.Criteria[name].ParsedThresholds()
		require.NoError(t, err)
		require.Len(t, thresholds, 1)
		assert.Equal(t, "http_req_failed{scenario:steady}: rate<=0.05", thresholds[0].String())
	}
	assert.True(t, c.Excluded("x") == false && c.Criteria[contest.EventSearch].Score == ScoreHighest)
}
