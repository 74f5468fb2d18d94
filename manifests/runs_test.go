package manifests

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// The orchestrator is allowed what its launcher does, and not a verb more.
func TestRoleAllowsOnlyWhatTheLauncherDoes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("k6-runs/role.yaml")
	require.NoError(t, err)
	var role struct {
		Kind  string `yaml:"kind"`
		Rules []struct {
			Groups    []string `yaml:"apiGroups"`
			Resources []string `yaml:"resources"`
			Verbs     []string `yaml:"verbs"`
		} `yaml:"rules"`
	}
	first, _, _ := strings.Cut(string(text), "\n---\n")
	require.NoError(t, yaml.Unmarshal([]byte(first), &role))
	assert.Equal(t, "Role", role.Kind, "nothing outside of the namespace")
	got := map[string]string{}
	for _, rule := range role.Rules {
		for _, resource := range rule.Resources {
			got[strings.Join(rule.Groups, ",")+"/"+resource] = strings.Join(rule.Verbs, " ")
		}
	}
	assert.Equal(t, map[string]string{
		"k6.io/testruns":  "get list watch create delete",
		"/configmaps":     "get list watch create update delete",
		"/secrets":        "create update delete",
		"/pods":           "get list watch deletecollection",
		"/pods/log":       "get",
		"/events":         "list",
		"/resourcequotas": "list",
	}, got)
}

func TestGeneratorsHaveNoToken(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("k6-runs/serviceaccount.yaml")
	require.NoError(t, err)
	var account map[string]any
	require.NoError(t, yaml.Unmarshal(text, &account))
	assert.Equal(t, false, account["automountServiceAccountToken"])
	assert.Equal(t, "restricted", one(t, "k6-runs/namespace.yaml", "Namespace").Metadata.Labels["pod-security.kubernetes.io/enforce"])
}
