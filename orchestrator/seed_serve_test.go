package main

import (
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

// TestTheSeedsEnvironmentStartsTheService starts serve with the ConfigMap and
// the Secret of the seed document, on other ports, and without its Hub: it is
// alive, tells what is missing, and ends cleanly. None of the values is told.
func TestTheSeedsEnvironmentStartsTheService(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../manifests/base/configmap.yaml")
	require.NoError(t, err)
	var configMap struct{ Data map[string]string }
	require.NoError(t, yaml.Unmarshal(text, &configMap))
	pages, metrics := freePort(t), freePort(t)
	env := os.Environ()
	for _, from := range []map[string]string{configMap.Data, placeholders(), {
		"API_BASE_URL": "http://127.0.0.1:1", "GITHUB_API_URL": "http://127.0.0.1:1", "GRAFANA_API_URL": "http://127.0.0.1:1/api",
		"HEALTH_CHECK_PORT": fmt.Sprint(pages), "METRICS_PORT": fmt.Sprint(metrics), "HACKLOAD_STATE_DIR": t.TempDir(),
	}} {
		for name, value := range from {
			env = append(env, name+"="+value)
		}
	}
	path, err := binary()
	require.NoError(t, err)
	cmd := exec.Command(path, "serve")
	cmd.Env = env
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	at := fmt.Sprintf("http://127.0.0.1:%d", pages)
	require.Eventually(t, func() bool { code, _ := answerOf(t, at+"/healthz"); return code == http.StatusOK || len(ended) > 0 }, time.Minute, 50*time.Millisecond)
	require.Empty(t, ended, "serve ended: %s", &log)

	code, health := answerOf(t, at+"/health")
	assert.Equal(t, http.StatusOK, code)
	assert.Contains(t, health, `"serviceName":"git-monitor-service"`)
	code, _ = answerOf(t, fmt.Sprintf("http://127.0.0.1:%d/metrics", metrics))
	assert.Equal(t, http.StatusOK, code)

	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, <-ended, "%s", &log)
	for name, value := range placeholders() {
		if name != "GITHUB_APP_ID" && name != "GRAFANA_USERNAME" && value != "xxxxx" {
			assert.NotContains(t, log.String(), strings.TrimSpace(value), name)
		}
	}
}

func answerOf(t *testing.T, url string) (code int, body string) {
	t.Helper()
	client := http.Client{Timeout: 5 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}
