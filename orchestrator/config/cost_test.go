package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const googleKey = `{"type":"service_account"}`

func allClouds() func(string) string {
	return env("AWS_ACCESS_KEY_ID", "AKIA-a", "AWS_SECRET_ACCESS_KEY", "aws-b", "AZURE_CLIENT_ID", "azure-c", "AZURE_CLIENT_SECRET", "azure-d",
		"AZURE_TENANT_ID", "azure-e", "GCP_SERVICE_ACCOUNT_KEY", googleKey)
}

// About clouds, only what is said of them.
func about(sentences []string, word string) (found []string) {
	for _, s := range sentences {
		if strings.Contains(s, word) {
			found = append(found, s)
		}
	}
	return found
}

func TestCloudsAreOffAndTheirCredentialsAreToldOfOnce(t *testing.T) {
	t.Parallel()
	c, err := Load(Source{Getenv: allClouds()})
	require.NoError(t, err)
	require.Empty(t, about(c.Check(nil), "cost."))
	require.Equal(t, []string{
		"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set, but cost.aws.enabled is false: AWS is not asked for its bills",
		"AZURE_CLIENT_ID and AZURE_CLIENT_SECRET and AZURE_TENANT_ID are set, but cost.azure.enabled is false: Azure is not asked for its bills",
		"GCP_SERVICE_ACCOUNT_KEY is set, but cost.gcp.enabled is false: Google Cloud is not asked for its bills",
	}, about(c.Lacking(), "cost."))
	for _, s := range c.Lacking() {
		for _, secret := range []string{"AKIA-a", "aws-b", "azure-", googleKey} {
			require.NotContains(t, s, secret)
		}
	}
}

func TestCheckOfCost(t *testing.T) {
	t.Parallel()
	const scope = "scope: subscriptions/1"
	for name, row := range map[string]struct {
		file string
		env  func(string) string
		want string // the only problem; empty: none
	}{
		"off":                   {"cost: {}", nil, ""},
		"all on":                {"cost: {aws: {enabled: true}, azure: {enabled: true, " + scope + "}, gcp: {enabled: true, table: a.b.c}}", allClouds(), ""},
		"aws without keys":      {"cost: {aws: {enabled: true}}", nil, "cost.aws.enabled is true, but AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"},
		"aws without secret":    {"cost: {aws: {enabled: true}}", env("AWS_ACCESS_KEY_ID", "a"), "but AWS_SECRET_ACCESS_KEY is not set"},
		"azure without a scope": {"cost: {azure: {enabled: true}}", allClouds(), "but cost.azure.scope is not set"},
		"google without table":  {"cost: {gcp: {enabled: true}}", allClouds(), "but cost.gcp.table is not set"},
		"no currency":           {"cost: {currency: tenge}", nil, `cost.currency "tenge" is no code of ISO 4217`},
		"no tag":                {`cost: {tag_key: ""}`, nil, "cost.tag_key is empty"},
		"one namespace for all": {"cost: {namespace: contest}", nil, `cost.namespace "contest" names no namespace of a team`},
		"namespace of a query":  {`cost: {namespace: '$team"}'}`, nil, "names no namespace of a team"},
		"namespace too long":    {"cost: {namespace: $team" + strings.Repeat("x", 80) + "}", nil, "names no namespace of a team"},
		"no usage":              {`cost: {namespace: ""}`, nil, ""},
		"address":               {"cost: {aws: {endpoint: 'ftp://x'}}", nil, "cost.aws.endpoint is not an address"},
		"half an app":           {"github: {app_id: '7'}", nil, "a GitHub App needs both"},
		"an app's name":         {"github: {app_id: ours}", env("GITHUB_APP_PRIVATE_KEY", "k"), `GITHUB_APP_ID "ours" is no number`},
		"whose evidence":        {"probe: {evidence: 'up'}", nil, "probe.evidence does not say whose it is"},
		"evidence":              {`probe: {evidence: 'up{team="$team"}', reset: true, workers: 4}`, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Load(Source{Data: []byte(row.file), Getenv: row.env})
			require.NoError(t, err)
			problems := c.Check(nil)
			if row.want == "" {
				require.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			require.Contains(t, problems[0], row.want)
		})
	}
}

func TestLacking(t *testing.T) {
	t.Parallel()
	const off = "services: {git-monitor: {enabled: false}}"
	for name, row := range map[string]struct {
		file  string
		env   []string
		word  string // of the sentence
		count int
	}{
		"no token of GitHub":   {"", nil, "GitHub answers 60 requests an hour", 1},
		"nobody asks GitHub":   {off, nil, "GitHub", 0},
		"token of GitHub":      {"", []string{"GITHUB_TOKEN", "t"}, "GitHub", 0},
		"an app at GitHub":     {"", []string{"GITHUB_APP_ID", "7", "GITHUB_APP_PRIVATE_KEY", "k"}, "GitHub", 0},
		"no token of ours":     {"", nil, "ADMIN_TOKEN is not set: nothing can be changed", 1},
		"guessable":            {"", []string{"ADMIN_TOKEN", "admin"}, "ADMIN_TOKEN is shorter than 16 characters", 1},
		"long":                 {"", []string{"ADMIN_TOKEN", "0123456789abcdef"}, "ADMIN_TOKEN", 0},
		"no Grafana":           {"", nil, "confirmation links lead to our own pages", 1},
		"Grafana for links":    {"", []string{"GRAFANA_API_URL", "https://g.example/api"}, "neither GRAFANA_TOKEN nor GRAFANA_USERNAME", 1},
		"Grafana":              {"", []string{"GRAFANA_API_URL", "https://g.example/api", "GRAFANA_TOKEN", "t"}, "GRAFANA", 0},
		"no address of ours":   {"", nil, "HACKLOAD_PUBLIC_URL is not set", 1},
		"the Hub's API alone":  {"", nil, "neither DATABASE_URL nor teams.file is set", 1},
		"a file of teams":      {"teams: {file: t.yaml}", nil, "DATABASE_URL", 0},
		"the Hub's database":   {"", []string{"DATABASE_URL", "postgres://u:p@h/d"}, "DATABASE_URL", 0},
		"nothing of the cloud": {"", nil, "cost.", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Load(Source{Data: []byte(row.file), Getenv: env(row.env...)})
			require.NoError(t, err)
			said := c.Lacking()
			require.Len(t, about(said, row.word), row.count, said)
			for _, s := range said {
				require.NotContains(t, s, "u:p@h")
			}
		})
	}
}
