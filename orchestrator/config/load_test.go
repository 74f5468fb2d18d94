package config

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

var update = flag.Bool("update", false, "write the wanted messages of testdata/bad anew")

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// TestSeedFileLoadsVerbatim loads the file of the seed document unchanged.
func TestSeedFileLoadsVerbatim(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/service-config.yaml")
	require.NoError(t, err)
	c, err := Load(Source{Name: "service-config.yaml", Data: data})
	require.NoError(t, err)
	assert.Equal(t, Default().Services, c.Services, "its values are the defaults")
	assert.Empty(t, c.Check(nil))
	assert.Empty(t, c.Warnings)
}

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	for allowed, want := range map[int]int64{
		100:  80, // 80 %, which is below the modest 144
		256:  144,
		512:  144,
		1024: 512 - 112,
	} {
		c := Config{Limits: Limits{MemoryMB: allowed}}
		assert.Equal(t, want<<20, c.MemoryLimit(), allowed)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	c, err := Load(Source{})
	require.NoError(t, err)
	git := c.Services[contest.GitMonitor]
	assert.Equal(t, Service{true, "*/30 * * * *", duration(5 * time.Minute), 3}, git)
	assert.Equal(t, 30*time.Second, c.Hub.Timeout.D())
	assert.Equal(t, 8080, c.Web.Port)
	assert.Equal(t, "https://api.github.com", c.GitHub.APIURL)
	assert.Equal(t, "HackLoad-Monitor/1.0", c.Probe.UserAgent)
	assert.Equal(t, int64(144<<20), c.MemoryLimit())
	assert.True(t, c.JSONLogs())
	assert.False(t, c.Services[contest.CancellationTesting].Enabled)
	assert.Equal(t, "Asia/Almaty", c.Contest.Timezone.String())
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	file := []byte("hub: {timeout: 20s, url: http://file}\nservices: {git-monitor: {retries: 7}}\n")
	tests := []struct {
		name   string
		source Source
		want   time.Duration
	}{
		{"default", Source{}, 30 * time.Second},
		{"file over default", Source{Data: file}, 20 * time.Second},
		{"environment over file", Source{Data: file, Getenv: env("API_TIMEOUT", "15000")}, 15 * time.Second},
		{"flag over environment", Source{Data: file, Getenv: env("API_TIMEOUT", "15000"), Flags: map[string]string{"hub.timeout": "1s"}}, time.Second},
		{"an empty variable is unset", Source{Data: file, Getenv: env("API_TIMEOUT", "")}, 20 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := Load(tt.source)
			require.NoError(t, err)
			assert.Equal(t, tt.want, c.Hub.Timeout.D())
			if tt.source.Data != nil {
				assert.Equal(t, 7, c.Services[contest.GitMonitor].Retries)
				assert.True(t, c.Services[contest.GitMonitor].Enabled, "what the file leaves out keeps its default")
			}
		})
	}
}

// TestBadFiles loads each file of testdata/bad; its leading comments are the
// wanted message, a line each.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			want, body := splitComments(string(data))
			// The comments stay, so that the lines are the file's own.
			_, err = Load(Source{Name: filepath.Base(file), Data: data})
			require.Error(t, err)
			if *update {
				rewrite(t, file, body)
				return
			}
			assert.Equal(t, want, err.Error())
		})
	}
}

func splitComments(text string) (comments, body string) {
	var lines []string
	for strings.HasPrefix(text, "#") {
		line, rest, _ := strings.Cut(text, "\n")
		lines = append(lines, strings.TrimPrefix(line, "# "))
		text = rest
	}
	return strings.Join(lines, "\n"), text
}

// rewrite puts the message in front until its lines fit its own length.
func rewrite(t *testing.T, file, body string) {
	t.Helper()
	text := body
	for range 3 {
		_, err := Load(Source{Name: filepath.Base(file), Data: []byte(text)})
		require.Error(t, err)
		text = "# " + strings.ReplaceAll(err.Error(), "\n", "\n# ") + "\n" + body
	}
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
}

func TestBadVariablesAndFlags(t *testing.T) {
	t.Parallel()
	_, err := Load(Source{
		Getenv: env("API_TIMEOUT", "soon", "METRICS_PORT", "0", "K6_SERVICES_INTERVAL", "hourly", "LOG_LEVEL", "verbose", "METRICS_ENABLED", "TRUE"),
		Flags:  map[string]string{"load.max_targets": "x", "load.speed": "1", "services.nobody.enabled": "true"},
	})
	for _, want := range []string{
		`variable API_TIMEOUT: hub.timeout: "soon" is not a duration`,
		`variable METRICS_PORT: web.metrics_port: 0 is out of range: want 1 to 65535`,
		`variable K6_SERVICES_INTERVAL: services.k6-search-testing.interval: "hourly" is not a cron expression`,
		`variable LOG_LEVEL: log.level: "verbose" is not known`,
		`variable METRICS_ENABLED: web.metrics_enabled: "TRUE" is not a boolean: write true, false, 1 or 0`,
		`flag load.max_targets: "x" is not a whole number`,
		`flag load.speed: "speed" is no key of the configuration`,
		`flag services.nobody.enabled: unknown service "nobody"`,
	} {
		assert.ErrorContains(t, err, want)
	}
}

func TestContestFile(t *testing.T) {
	t.Parallel()
	read := func(path string) ([]byte, error) {
		if path != filepath.Join("conf", "rules.yaml") {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		return []byte("timezone: UTC\nstarts_at: 2026-01-02 09:00\ncriteria: {search: {}, EVENT_SEARCH: {scenario: search}}\n"), nil
	}
	_, err := Load(Source{Name: "conf/hackload.yaml", Data: []byte("contest: rules.yaml"), ReadFile: read})
	require.ErrorContains(t, err, `rules.yaml:3: criteria.search: "search" is not known`)

	_, err = Load(Source{Name: "conf/hackload.yaml", Data: []byte("contest: other.yaml"), ReadFile: read})
	require.ErrorIs(t, err, fs.ErrNotExist)

	_, err = Load(Source{Data: []byte("contest: rules.yaml")})
	require.ErrorContains(t, err, "cannot be read here")

	inline := "contest:\n  starts_at: 2026-01-02 09:00\n  criteria:\n    k6-search-testing: {scenario: search}\n"
	c, err := Load(Source{Data: []byte(inline)})
	require.NoError(t, err)
	assert.Equal(t, time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC), c.Contest.StartsAt.UTC(), "in the contest's timezone")
	rules := c.Contest.Criteria[contest.EventSearch]
	assert.Equal(t, Criterion{Scenario: "search", Repeats: 3, Score: "sum", Result: "latest"}, rules)
}

func TestZoneIsKnownBeforeTimes(t *testing.T) {
	t.Parallel()
	c, err := ParseContest("contest.yaml", []byte("starts_at: 2026-01-02T09:00:00\nends_at: 2026-01-03T00:00:00+01:00\ntimezone: America/New_York\n"))
	require.NoError(t, err)
	assert.Equal(t, "2026-01-02T14:00:00Z", c.StartsAt.UTC().Format(time.RFC3339))
	assert.Equal(t, "2026-01-02T23:00:00Z", c.EndsAt.UTC().Format(time.RFC3339))
}

func TestGrafanaAddressForPeople(t *testing.T) {
	t.Parallel()
	c, err := Load(Source{Getenv: env("GRAFANA_API_URL", "https://grafana.hackload.kz/api")})
	require.NoError(t, err)
	assert.Equal(t, "https://grafana.hackload.kz", c.Grafana.URL)
	c, err = Load(Source{Getenv: env("GRAFANA_API_URL", "https://g/api", "GRAFANA_URL", "https://people")})
	require.NoError(t, err)
	assert.Equal(t, "https://people", c.Grafana.URL)
}

func TestTooLargeFile(t *testing.T) {
	t.Parallel()
	_, err := Load(Source{Data: make([]byte, maxFile+1)})
	require.ErrorContains(t, err, "is larger than")
}

func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "*.yaml", "testdata/*.yaml"} {
		files, err := filepath.Glob(pattern)
		require.NoError(f, err)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(f, err)
			f.Add(data)
		}
	}
	f.Add([]byte("hub: &a {url: *a}"))
	f.Add([]byte("contest: &a {criteria: {EVENT_SEARCH: &b {levels: [*b], env: *a}}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Load(Source{Data: data})
		if (c == nil) == (err == nil) {
			t.Fatal("want a configuration or an error")
		}
		if err == nil {
			c.Check(nil)
			_, err = c.Hash()
			require.NoError(t, err)
		}
		if _, err := ParseContest("contest.yaml", data); err != nil {
			var p Problem
			require.ErrorAs(t, err, &p)
		}
	})
}

func ExampleLoad() {
	c, err := Load(Source{
		Name:   "hackload.yaml",
		Data:   []byte("services: {git-monitor: {timeout: 2m}}"),
		Getenv: func(name string) string { return map[string]string{"API_RETRIES": "5"}[name] },
		Flags:  map[string]string{"state.dir": "/var/lib/hackload"},
	})
	if err != nil {
		var problem Problem
		fmt.Println(errors.As(err, &problem), problem.Key)
		return
	}
	fmt.Println(c.Services["git-monitor"].Timeout, c.Hub.Retries, c.State.Dir)
	// Output: 2m0s 5 /var/lib/hackload
}
