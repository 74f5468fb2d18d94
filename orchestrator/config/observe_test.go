package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestObserveAddresses(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ variable, value, want string }{
		"gateway":                 {"PROMETHEUS_PUSHGATEWAY_URL", "http://user:canary@gateway:9091/base", ""},
		"gateway without scheme":  {"PROMETHEUS_PUSHGATEWAY_URL", "gateway:9091/canary", "PROMETHEUS_PUSHGATEWAY_URL"},
		"gateway without host":    {"PROMETHEUS_PUSHGATEWAY_URL", "http:///canary", "PROMETHEUS_PUSHGATEWAY_URL"},
		"DSN":                     {"SENTRY_DSN", "https://canary@o1.ingest.sentry.io/42", ""},
		"DSN without key":         {"SENTRY_DSN", "https://canary.sentry.io/42", "SENTRY_DSN"},
		"DSN without project":     {"SENTRY_DSN", "https://canary@sentry.io/", "SENTRY_DSN"},
		"DSN of another scheme":   {"SENTRY_DSN", "ftp://canary@sentry.io/42", "SENTRY_DSN"},
		"DSN that is none at all": {"SENTRY_DSN", "canary", "SENTRY_DSN"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Load(Source{Getenv: env(row.variable, row.value)})
			require.NoError(t, err)
			problems := strings.Join(c.Check(nil), "\n")
			assert.NotContains(t, problems, "canary")
			if row.want == "" {
				assert.NotContains(t, problems, "observe.")
				return
			}
			assert.Contains(t, problems, row.want)
		})
	}
}

func TestObserveFromEnvironmentAlone(t *testing.T) {
	t.Parallel()
	o, err := ObserveFrom(env("TRACING_ENABLED", "true", "LOG_LEVEL", "nonsense"))
	require.NoError(t, err)
	assert.True(t, o.Tracing)
	_, err = ObserveFrom(env("TRACING_ENABLED", "maybe"))
	require.ErrorContains(t, err, "TRACING_ENABLED")
}

// TestSecretsAreAllSecrets finds every secret of the configuration by setting
// each variable, so that one that is added later is not forgotten.
func TestSecretsAreAllSecrets(t *testing.T) {
	t.Parallel()
	found := 0
	for _, s := range settings() {
		c, err := Load(Source{Getenv: env(s.Env, "https://key@canary/1")})
		if err != nil || len(s.Keys) == 0 || valueAt(t, c, s.Keys[0]) != hidden {
			continue
		}
		found++
		assert.Equal(t, []string{"https://key@canary/1"}, c.Secrets(), s.Env)
	}
	assert.GreaterOrEqual(t, found, 9)
	assert.Empty(t, Default().Secrets())
}

func TestProcsAndMachine(t *testing.T) {
	t.Parallel()
	for cores, want := range map[float64]int{0.05: 1, 0.5: 1, 1: 1, 1.5: 2, 2: 2, 3.01: 4} {
		c := Default()
		c.Limits.CPUCores = cores
		assert.Equal(t, want, c.Procs(), cores)
	}
	c := Default()
	assert.Empty(t, c.CheckMachine(2))
	require.Len(t, c.CheckMachine(0.5), 1)
	assert.Contains(t, c.CheckMachine(0.5)[0], "0.5 cores are too few")
	assert.Contains(t, c.CheckMachine(0.5)[0], "testrun", "the remedy")
	c.Load.Launcher = "testrun"
	assert.Empty(t, c.CheckMachine(0.5))
}
