package manifests

import (
	"os"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// rule is a rule of Prometheus, recording or alerting.
type rule struct {
	Record      string            `yaml:"record"`
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Spec struct {
			Groups []struct {
				Rules []rule `yaml:"rules"`
			} `yaml:"groups"`
		} `yaml:"spec"`
	}
	decode(t, "components/monitoring/prometheusrule.yaml", &file)
	var all []rule
	for _, group := range file.Spec.Groups {
		all = append(all, group.Rules...)
	}
	require.NotEmpty(t, all)
	return all
}

func decode(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into), path)
}

// An alert wakes somebody up: it says how bad it is, what is wrong and what to do
// about it, and it is played both ways.
func TestAlertsAreExplainedAndPlayed(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), "### When an alert fires\n", "runbook_url leads there")
	fires, rests := played(t)
	names := map[string]bool{}
	for _, r := range rules(t) {
		_, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
		require.NoError(t, err, r.Expr)
		if r.Alert == "" {
			assert.Len(t, strings.Split(r.Record, ":"), 3, "%s: want LEVEL:METRIC:OPERATIONS", r.Record)
			continue
		}
		assert.False(t, names[r.Alert], "%s is there twice", r.Alert)
		names[r.Alert] = true
		assert.Contains(t, []string{"critical", "warning"}, r.Labels["severity"], r.Alert)
		assert.NotEmpty(t, r.Annotations["summary"], r.Alert)
		assert.NotEmpty(t, r.Annotations["description"], r.Alert)
		assert.Equal(t, "https://github.com/hackload-kz/hackload#when-an-alert-fires", r.Annotations["runbook_url"], r.Alert)
		assert.Contains(t, string(readme), "\n| "+r.Alert+" | ", "the README does not say what to do about it")
		assert.True(t, fires[r.Alert], "%s never fires in rules_test.yaml", r.Alert)
		assert.True(t, rests[r.Alert], "%s always fires in rules_test.yaml", r.Alert)
	}
	assert.Len(t, fires, len(names), "only what there is")
}

// played says which alerts fire and which do not in the tests of the rules.
func played(t *testing.T) (fires, rests map[string]bool) {
	t.Helper()
	var file struct {
		Tests []struct {
			Alerts []struct {
				Name string           `yaml:"alertname"`
				Want []map[string]any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	decode(t, "components/monitoring/rules_test.yaml", &file)
	fires, rests = map[string]bool{}, map[string]bool{}
	for _, test := range file.Tests {
		for _, a := range test.Alerts {
			if len(a.Want) > 0 {
				fires[a.Name] = true
			} else {
				rests[a.Name] = true
			}
		}
	}
	return fires, rests
}

// The Prometheus operator gives each series a label service and a label endpoint
// of its own, which would push ours aside.
func TestOurLabelsSurviveTheScrape(t *testing.T) {
	t.Parallel()
	var monitor struct {
		Spec struct {
			Endpoints []struct {
				Port        string `yaml:"port"`
				HonorLabels bool   `yaml:"honorLabels"`
			} `yaml:"endpoints"`
		} `yaml:"spec"`
	}
	decode(t, "components/monitoring/servicemonitor.yaml", &monitor)
	require.Len(t, monitor.Spec.Endpoints, 1)
	assert.Equal(t, "metrics", monitor.Spec.Endpoints[0].Port)
	assert.True(t, monitor.Spec.Endpoints[0].HonorLabels)
}

// ConfigMaps beyond this size cannot be applied by kubectl, which keeps the last
// applied text in an annotation.
func TestDashboardsFitIntoConfigMaps(t *testing.T) {
	t.Parallel()
	var k struct {
		Generator []struct {
			Files []string `yaml:"files"`
		} `yaml:"configMapGenerator"`
		Options struct {
			Labels map[string]string `yaml:"labels"`
		} `yaml:"generatorOptions"`
	}
	decode(t, "grafana/kustomization.yaml", &k)
	assert.Equal(t, "1", k.Options.Labels["grafana_dashboard"])
	require.Len(t, k.Generator, 4)
	for _, g := range k.Generator {
		require.Len(t, g.Files, 1)
		_, file, _ := strings.Cut(g.Files[0], "=")
		text, err := os.ReadFile("grafana/" + file)
		require.NoError(t, err)
		assert.Less(t, len(text), 200<<10, file)
	}
}
