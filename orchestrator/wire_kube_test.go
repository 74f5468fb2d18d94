package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What keeps runners on a cluster from working is told before any round begins.
func TestCheckOfCluster(t *testing.T) {
	t.Parallel()
	away := `{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}],
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: u, user: {token: canary-5f2d}}]}`
	for _, row := range []struct {
		name       string
		kubeconfig string // its content; empty: there is no such file
		config     string // FILE stands for the kubeconfig's path
		want       []string
	}{
		{"nothing is set", "", "kubernetes: {kubeconfig: FILE}", []string{
			"kubernetes.runner_image (variable K6_RUNNER_IMAGE) is not set",
			"runners cannot write their metrics to 127.0.0.1:0, which is this machine's own: set prometheus.url",
			"read kubeconfig",
		}},
		{"a store that runners do not find", away, "kubernetes: {kubeconfig: FILE, runner_image: x}\nmetrics: {listen: ':9091'}", []string{"runners cannot write their metrics to :9091, which is no address: set prometheus.url"}},
		{"a store at any port", away, "kubernetes: {kubeconfig: FILE, runner_image: x}\nmetrics: {listen: ':0', url: 'http://me:1'}", []string{"metrics.listen is :0, another port each time"}},
		{"nobody there", away, "kubernetes: {kubeconfig: FILE, runner_image: x}", []string{"the cluster at https://127.0.0.1:1 does not answer"}},
		{"no kubeconfig", "not: [one", "kubernetes: {kubeconfig: FILE, runner_image: x}", []string{"read kubeconfig"}},
		{"memory", away, "kubernetes: {kubeconfig: FILE, runner_memory: lots}", []string{`kubernetes.runner_cpu, kubernetes.runner_memory: "lots" is no quantity of memory`}},
		{"most memory", away, "kubernetes: {kubeconfig: FILE, runner_memory: 2Gi, max_runner_memory: 1Gi}", []string{"kubernetes.max_runner_memory: 1Gi is less than 2Gi, what each runner begins with (kubernetes.runner_memory): raise it, or lower that"}},
		{"most runners", away, "kubernetes: {kubeconfig: FILE, max_runners: 2}", []string{"kubernetes.max_runners: 2 is less than the 3 runners that every run has (load.generators): raise it, or lower that"}},
		{"toleration", away, "kubernetes: {kubeconfig: FILE, tolerations: ['a:Never']}", []string{`kubernetes.tolerations: "a:Never" has no effect "Never"`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file, kubeconfig := filepath.Join(dir, "hackload.yaml"), filepath.Join(dir, "kubeconfig")
			if row.kubeconfig != "" {
				require.NoError(t, os.WriteFile(kubeconfig, []byte(row.kubeconfig), 0o600))
			}
			require.NoError(t, os.WriteFile(file, []byte("load: {launcher: testrun, generators: 3}\n"+strings.ReplaceAll(row.config, "FILE", kubeconfig)+"\n"), 0o600))
			c, err := loadConfig(world{Environ: func() []string { return nil }}, file, nil)
			require.NoError(t, err)
			var s survey
			s.checkCluster(t.Context(), c)
			var out bytes.Buffer
			s.print(&out)
			for _, want := range row.want {
				require.Contains(t, out.String(), want)
			}
			require.NotContains(t, out.String(), "canary")
		})
	}
}
