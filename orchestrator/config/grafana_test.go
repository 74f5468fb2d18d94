package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGrafanaWithAllKeys(t *testing.T) {
	t.Parallel()
	c, err := Load(Source{Data: []byte(`
prometheus: {write_url: https://prometheus.example.org/api/v1/write}
grafana:
  api_url: https://example.org/grafana/api
  token: glsa_x
  datasource: Prometheus
  folder: HackLoad
  team_dashboard: {uid: hackload-team, vars: {team: "{team}", criterion: "{criterion}"}}
  run_dashboard: {uid: hackload-run/run, vars: {testid: "{testid}", ds: "{datasource}", script: "{scenario} of {team}"}}
  annotations: false
`)})
	require.NoError(t, err)
	assert.Empty(t, c.Check(nil))
	assert.True(t, c.Proxied())
	assert.Equal(t, "https://example.org/grafana", c.Grafana.URL)
	assert.Equal(t, Dashboard{"hackload-team", map[string]string{"team": "{team}", "criterion": "{criterion}"}}, c.Grafana.TeamDashboard)
	assert.False(t, c.Grafana.Annotations)
}

func TestGrafanaThatCannotBe(t *testing.T) {
	t.Parallel()
	const base = "grafana: {url: https://g, "
	for name, row := range map[string]struct{ file, want string }{
		"a road without its own address to write": {base + "datasource: Prometheus}", "prometheus.write_url (variable PROMETHEUS_WRITE_URL) is not set"},
		"a road without a Grafana":                {"grafana: {datasource: prom1}\nprometheus: {write_url: https://p/w}", "grafana.url (variable GRAFANA_URL) is not"},
		"two ways to be let in":                   {base + "token: a, username: b, password: c}", "a token and a username"},
		"a name without a password":               {base + "username: b}", "grafana.password (variable GRAFANA_PASSWORD) is not"},
		"variables of no dashboard":               {base + "team_dashboard: {vars: {a: b}}}", "grafana.team_dashboard.vars are set, but its uid is not"},
		"a uid that is a path":                    {base + "run_dashboard: {uid: ../../api/x}}", `grafana.run_dashboard.uid "../../api/x" is not one`},
		"a variable with its prefix":              {base + "run_dashboard: {uid: a, vars: {var-team: x}}}", `"var-team" is no name of a variable`},
		"a variable too long to be one":           {base + "run_dashboard: {uid: a, vars: {" + strings.Repeat("v", 101) + ": x}}}", "is no name of a variable"},
		"a uid too long to be one":                {base + "run_dashboard: {uid: a/" + strings.Repeat("u", 240) + "}}", "grafana.run_dashboard.uid"},
		"a place that nothing fills":              {base + "run_dashboard: {uid: a, vars: {t: '{user}'}}}", "grafana.run_dashboard.vars.t: {user} stands for nothing"},
		"a run's place in a team's link":          {base + "team_dashboard: {uid: a, vars: {t: '{testid}'}}}", "grafana.team_dashboard.vars.t: {testid} is of one run"},
		"an address to write that is none":        {"prometheus: {url: https://p, write_url: p/w}", "prometheus.write_url is not an address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := Load(Source{Data: []byte(row.file)})
			require.NoError(t, err)
			problems := c.Check(nil)
			require.Len(t, problems, 1, "%q", problems)
			assert.Contains(t, problems[0], row.want)
		})
	}
}
