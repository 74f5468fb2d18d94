package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestConfirmationLinks(t *testing.T) {
	t.Parallel()
	from := time.UnixMilli(1755338340000)
	window := contest.Window{From: from, To: from.Add(2 * time.Minute)}
	const shown = "&from=1755338340000&to=1755338460000"
	const stock = "https://g.example.org/d/a3b2aaa8-bb66-4008-a1d8-16c49afedbf0/k6-prometheus-native-histograms?orgId=1"
	for name, row := range map[string]struct{ file, team, run string }{
		"nowhere": {"", "", ""},
		"our pages": {
			"web: {public_url: https://load.example.org/}",
			"https://load.example.org/teams/alem", "https://load.example.org/runs/alem-search-5000-01j8",
		},
		"the stock dashboard": {
			"grafana: {api_url: https://g.example.org/api}",
			stock + "&var-DS_PROMETHEUS=Prometheus&var-testid=alem-search-.%2A&var-quantile=0.95" + shown,
			stock + "&var-DS_PROMETHEUS=Prometheus&var-testid=alem-search-5000-01j8&var-quantile=0.95" + shown,
		},
		"of another data source": {
			"grafana: {url: https://g.example.org, datasource: K6 Metrics}",
			stock + "&var-DS_PROMETHEUS=K6+Metrics&var-testid=alem-search-.%2A&var-quantile=0.95" + shown,
			stock + "&var-DS_PROMETHEUS=K6+Metrics&var-testid=alem-search-5000-01j8&var-quantile=0.95" + shown,
		},
		"our dashboards": {
			"grafana: {url: https://g.example.org, team_dashboard: {uid: hackload-team}, run_dashboard: {uid: hackload-run/run}}",
			"https://g.example.org/d/hackload-team?orgId=1&var-team=alem" + shown,
			"https://g.example.org/d/hackload-run/run?orgId=1&var-team=alem&var-testid=alem-search-5000-01j8" + shown,
		},
		"with variables of their own": {
			"grafana: {url: https://g.example.org, team_dashboard: {uid: t, vars: {who: '{team}', what: '{criterion}'}}, " +
				"run_dashboard: {uid: r, vars: {run: '{scenario}/{testid}'}}}",
			"https://g.example.org/d/t?orgId=1&var-what=EVENT_SEARCH&var-who=alem" + shown,
			"https://g.example.org/d/r?orgId=1&var-run=search%2Falem-search-5000-01j8" + shown,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := config.Load(config.Source{Data: []byte(row.file)})
			require.NoError(t, err)
			l, err := links(c)
			require.NoError(t, err)
			require.Equal(t, row.team, l.Team(contest.Team{Slug: "alem"}, contest.EventSearch, window))
			require.Equal(t, row.run, l.Run(judged(), window))
		})
	}
	_, err := links(&config.Config{Grafana: config.Grafana{URL: "https://admin:hunter2@g.example.org"}})
	require.ErrorContains(t, err, "it holds credentials")
	require.NotContains(t, err.Error(), "hunter2")
}
