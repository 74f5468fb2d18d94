package config

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// seedVariables reads the seed document's complete list: name and default.
func seedVariables(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/seed-variables.txt")
	require.NoError(t, err)
	variables := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		variables[name] = value
	}
	require.Len(t, variables, 48)
	return variables
}

// TestEverySeedVariableIsKnown holds the table against the seed document: each
// variable sets a key, or says why it does not.
func TestEverySeedVariableIsKnown(t *testing.T) {
	t.Parallel()
	table := map[string]setting{}
	for _, s := range settings() {
		require.NotContains(t, table, s.Env, "is listed twice")
		assert.NotEmpty(t, s.Keys, "%s sets nothing", s.Env)
		table[s.Env] = s
	}
	for name := range seedVariables(t) {
		assert.Contains(t, table, name)
	}
}

// TestSeedDefaults sets each variable to the seed's default and sees no change.
func TestSeedDefaults(t *testing.T) {
	t.Parallel()
	for name, value := range seedVariables(t) {
		if value == "-" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Load(Source{Getenv: env(name, value)})
			require.NoError(t, err)
			want, err := Default().withContest().Hash()
			require.NoError(t, err)
			got, err := c.Hash()
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
}

func (c *Config) withContest() *Config {
	c.Contest, _ = Shipped("default")
	return c
}

// TestEachVariableIsRead sets each variable alone and sees its keys change.
func TestEachVariableIsRead(t *testing.T) {
	t.Parallel()
	unusual := map[string]string{
		"hub.url": "http://hub", "services": "", "contest": "dev", "log.level": "debug", "observe.tracing": "true",
	}
	for _, s := range settings() {
		t.Run(s.Env, func(t *testing.T) {
			t.Parallel()
			before := Default()
			for _, candidate := range []string{unusual[first(s.Keys)], "77", "false", "5 4 * * *", "http://other"} {
				c, err := Load(Source{Getenv: env(s.Env, candidate)})
				if err != nil || candidate == "" {
					continue
				}
				for _, key := range append(s.Keys, s.OffOnly...) {
					if candidate != "false" && key == cancellation+"enabled" {
						continue
					}
					if strings.HasSuffix(key, cancellation+"enabled") {
						continue // is off already
					}
					assert.NotEqual(t, valueAt(t, before, key), valueAt(t, c, key), "%s=%s", key, candidate)
				}
				return
			}
			t.Fatal("no candidate is a legal value")
		})
	}
}

func first(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	return keys[0]
}

// valueAt follows a dotted key through the configuration's JSON, where secrets
// show only whether they are set.
func valueAt(t *testing.T, c *Config, key string) any {
	t.Helper()
	names := map[string]string{
		"access_key_id": "accessKeyId", "secret_access_key": "secretAccessKey", "client_id": "clientId", "client_secret": "clientSecret",
		"tenant_id": "tenantId", "service_account_key": "serviceAccountKey",
		"hub_database": "hubDatabase", "pool_size": "poolSize", "write_url": "writeUrl",
		"api_key": "apiKey", "rate_limit_per_minute": "rateLimitPerMinute", "api_url": "apiUrl", "app_id": "appId",
		"app_private_key": "appPrivateKey", "user_agent": "userAgent", "retention_days": "retentionDays",
		"metrics_port": "metricsPort", "metrics_enabled": "metricsEnabled", "max_concurrent_jobs": "maxConcurrentJobs",
		"memory_mb": "memoryMb", "cpu_cores": "cpuCores", "admin_token": "adminToken", "database_url": "databaseUrl",
		"public_url": "publicUrl", "contest": "contestFile", "team_dashboard": "teamDashboard", "run_dashboard": "runDashboard", "pushgateway_url": "pushgatewayUrl", "sentry_dsn": "sentryDsn", "runner_image": "runnerImage",
	}
	text, err := json.Marshal(c)
	require.NoError(t, err)
	var tree any
	require.NoError(t, json.Unmarshal(text, &tree))
	for name := range strings.SplitSeq(key, ".") {
		if renamed, ok := names[name]; ok {
			name = renamed
		}
		branch, ok := tree.(map[string]any)
		require.True(t, ok, key)
		require.Contains(t, branch, name, key)
		tree = branch[name]
	}
	return tree
}

func TestK6VariablesReachEveryLoadService(t *testing.T) {
	t.Parallel()
	c, err := Load(Source{Getenv: env("K6_SERVICES_INTERVAL", "5 4 * * *", "K6_SERVICES_TIMEOUT", "900000")})
	require.NoError(t, err)
	for _, s := range contest.Services() {
		if s.Load() {
			assert.Equal(t, Cron("5 4 * * *"), c.Services[s.Key].Interval, s.Key)
			assert.Equal(t, "15m0s", c.Services[s.Key].Timeout.String(), s.Key)
		}
	}
	assert.Equal(t, Cron("*/30 * * * *"), c.Services[contest.GitMonitor].Interval)
}

// TestSeedManifestLeavesCancellationOff: the seed's ConfigMap turns "the k6
// services" on, and knows nothing of cancellation.
func TestSeedManifestLeavesCancellationOff(t *testing.T) {
	t.Parallel()
	c, err := Load(Source{Getenv: env("K6_SERVICES_ENABLED", "true")})
	require.NoError(t, err)
	assert.True(t, c.Services[contest.SearchTesting].Enabled)
	assert.False(t, c.Services[contest.CancellationTesting].Enabled)

	on := []byte("services: {k6-cancellation-testing: {enabled: true}}")
	c, err = Load(Source{Data: on, Getenv: env("K6_SERVICES_ENABLED", "0")})
	require.NoError(t, err)
	assert.False(t, c.Services[contest.SearchTesting].Enabled)
	assert.False(t, c.Services[contest.CancellationTesting].Enabled, "off means off for all of them")
}

// TestReadmeListsEachVariable holds the README's table against what is read.
func TestReadmeListsEachVariable(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(string(readme), "| variable | what it sets | default |")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("`([A-Z][A-Z0-9_]+)`").FindAllStringSubmatch(table, -1) {
		listed[m[1]] = true
	}
	for _, s := range settings() {
		assert.True(t, listed[s.Env], "%s is not in the table", s.Env)
	}
}
