package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// placeholders are what the seed document's Secret holds, as it stands there: no
// value works, and some have not even the form of one.
func placeholders() map[string]string {
	const key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA...\n-----END RSA PRIVATE KEY-----\n"
	return map[string]string{
		"SERVICE_API_KEY": "hackload-service-key-xxxxx", "GITHUB_TOKEN": "ghp_xxxxx", "GITHUB_APP_ID": "123456", "GITHUB_APP_PRIVATE_KEY": key,
		"GRAFANA_TOKEN": "glsa_xxxxx", "GRAFANA_USERNAME": "hackload-job-service",
		"AWS_ACCESS_KEY_ID": "AKIAXXXXX", "AWS_SECRET_ACCESS_KEY": "xxxxx",
		"AZURE_CLIENT_ID": "xxxxx", "AZURE_CLIENT_SECRET": "xxxxx", "AZURE_TENANT_ID": "xxxxx",
		"GCP_SERVICE_ACCOUNT_KEY":    "{\n  \"type\": \"service_account\",\n  \"project_id\": \"hackload-project\",\n  ...\n}\n",
		"DATABASE_URL":               "postgresql://user:pass@postgres.invalid:5432/hackload",
		"PROMETHEUS_PUSHGATEWAY_URL": "http://prometheus-pushgateway.invalid:9091",
		"SENTRY_DSN":                 "https://xxxxx@sentry.invalid/xxxxx",
	}
}

// served is a serve that runs with the seed document's environment.
type served struct {
	cmd            *exec.Cmd
	log            strings.Builder
	ended          chan error
	pages, metrics string // where it listens
}

// serveSeed starts serve with the ConfigMap and the Secret of the seed document
// and what is laid over them, on free ports, and waits until it is alive.
func serveSeed(t *testing.T, over map[string]string) *served {
	t.Helper()
	text, err := os.ReadFile("../manifests/base/configmap.yaml")
	require.NoError(t, err)
	var configMap struct{ Data map[string]string }
	require.NoError(t, yaml.Unmarshal(text, &configMap))
	path, err := binary()
	require.NoError(t, err)
	pages, metrics := freePort(t), freePort(t)
	s := &served{
		cmd: exec.Command(path, "serve"), ended: make(chan error, 1),
		pages: fmt.Sprintf("http://127.0.0.1:%d", pages), metrics: fmt.Sprintf("http://127.0.0.1:%d/metrics", metrics),
	}
	s.cmd.Env = os.Environ()
	for _, from := range []map[string]string{configMap.Data, placeholders(), {
		"API_BASE_URL": "http://127.0.0.1:1", "GITHUB_API_URL": "http://127.0.0.1:1", "GRAFANA_API_URL": "http://127.0.0.1:1/api",
		"HEALTH_CHECK_PORT": fmt.Sprint(pages), "METRICS_PORT": fmt.Sprint(metrics), "HACKLOAD_STATE_DIR": t.TempDir(),
	}, over} {
		for name, value := range from {
			s.cmd.Env = append(s.cmd.Env, name+"="+value)
		}
	}
	s.start(t)
	return s
}

// start waits until the process is alive.
func (s *served) start(t *testing.T) {
	t.Helper()
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	require.NoError(t, s.cmd.Start())
	go func() { s.ended <- s.cmd.Wait() }()
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	alive := func() bool {
		code, _ := answerOf(t, s.pages+"/healthz")
		return code == http.StatusOK || len(s.ended) > 0
	}
	require.Eventually(t, alive, 5*time.Minute, 50*time.Millisecond)
	if len(s.ended) > 0 {
		t.Fatalf("serve ended: %v\n%s", <-s.ended, &s.log)
	}
}

// stop ends it by SIGTERM and returns what it has logged.
func (s *served) stop(t *testing.T) string {
	t.Helper()
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, <-s.ended, "%s", &s.log)
	return s.log.String()
}

// TestTheSeedsEnvironmentStartsTheService starts serve with the seed document's
// environment as it stands there, and without its Hub: it is alive, keeps to
// its limits, logs for machines, and ends cleanly. None of the secrets is told.
func TestTheSeedsEnvironmentStartsTheService(t *testing.T) {
	t.Parallel()
	s := serveSeed(t, nil)
	code, health := answerOf(t, s.pages+"/health")
	assert.Equal(t, http.StatusOK, code)
	assert.Contains(t, health, `"serviceName":"git-monitor-service"`)
	code, metrics := answerOf(t, s.metrics)
	assert.Equal(t, http.StatusOK, code)
	assert.Contains(t, metrics, "\njob_executions_total{")

	log := s.stop(t)
	for line := range strings.Lines(log) {
		var said struct{ Level, Msg string }
		require.NoError(t, json.Unmarshal([]byte(line), &said), "in production a line is JSON: %s", line)
		assert.NotEqual(t, "DEBUG", said.Level, "LOG_LEVEL is info")
	}
	assert.Contains(t, log, `"memory_mb":512,"heap_mb":144,"cpu_cores":0.5,"gomaxprocs":1`)
	for name, value := range placeholders() {
		if name != "GITHUB_APP_ID" && name != "GRAFANA_USERNAME" && value != "xxxxx" {
			assert.NotContains(t, log, strings.TrimSpace(value), name)
		}
	}
}

func TestVariablesOfTheProcess(t *testing.T) {
	t.Parallel()
	s := serveSeed(t, map[string]string{
		"METRICS_ENABLED": "false", "NODE_ENV": "development", "LOG_LEVEL": "error", "MEMORY_LIMIT_MB": "1024", "CPU_LIMIT_CORES": "2",
	})
	code, _ := answerOf(t, s.metrics)
	assert.Zero(t, code, "metrics are off, and somebody answers for them")
	for line := range strings.Lines(s.stop(t)) {
		assert.Contains(t, line, "level=ERROR", "for people, and of level error alone")
	}
}

func answerOf(t *testing.T, url string) (code int, body string) {
	t.Helper()
	client := http.Client{Timeout: 3 * time.Minute}
	resp, err := client.Get(url)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}
