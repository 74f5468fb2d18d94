package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// runPart runs a part until the test ends.
func runPart(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-done) })
}

// TestOnlyGrafanaCanBeReached plays a level where the metric store answers
// through Grafana alone: the verdict is the same, it is confirmed by a
// dashboard, and the run is marked there.
func TestOnlyGrafanaCanBeReached(t *testing.T) {
	t.Parallel()
	o, f, state := standUp(t), newGrafanaFake(t), t.TempDir()
	const writer = "tok_writer_canary"
	env := []string{
		"GRAFANA_API_URL=" + f.URL + "/grafana/api", "GRAFANA_TOKEN=" + grafanaEditor, "GRAFANA_DATASOURCE=Prometheus",
		"PROMETHEUS_WRITE_URL=" + f.receiver(t, writer).URL + "/api/v1/write",
	}
	file := o.config(t, state, fmt.Sprintf("prometheus: {token: %s}\ngrafana: {run_dashboard: {uid: hackload-run}}\n", writer))
	code, output := hackload(t, env, "serve", "--once", "--config", file)
	require.Equal(t, exitDone, code, output)
	require.NotContains(t, output, grafanaEditor)
	require.NotContains(t, output, writer)

	runs := judgedRuns(t, state)
	require.Len(t, runs, 1)
	require.Equal(t, contest.OutcomePassed, runs[0].Outcome, output)
	annotations, proxied := f.said()
	require.Contains(t, proxied, "POST /api/v1/query")
	require.Len(t, annotations, 1)
	require.Equal(t, "hackload-run", annotations[0]["dashboardUID"])
	require.Equal(t, "good search level 1 (10 users): passed", annotations[0]["text"])
	require.Contains(t, annotations[0]["tags"], "run:"+string(runs[0].ID))
	require.EqualValues(t, runs[0].LaunchedAt.UnixMilli(), annotations[0]["time"])

	history, err := o.hub.History(t.Context())
	require.NoError(t, err)
	require.Len(t, history, 1)
	confirmation := gjson.GetBytes(history[0].Metrics, "confirmationUrl").String()
	require.True(t, strings.HasPrefix(confirmation, f.URL+"/grafana/d/a3b2aaa8-"), confirmation)
	require.Contains(t, confirmation, "var-testid=good-search-.%2A")
	require.Contains(t, gjson.GetBytes(history[0].Metrics, "testResults.0.grafanaDashboardUrl").String(), f.URL+"/grafana/d/hackload-run?orgId=1&var-team=good&var-testid="+string(runs[0].TestID)+"&from=")
}

// TestGrafanaThatTakesNothing marks no run, and the verdict is as ever.
func TestGrafanaThatTakesNothing(t *testing.T) {
	t.Parallel()
	o, f, state := standUp(t), newGrafanaFake(t), t.TempDir()
	file := o.config(t, state, fmt.Sprintf("grafana: {url: %s/grafana, token: %s}\n", f.URL, grafanaViewer))
	code, output := hackload(t, nil, "serve", "--once", "--config", file)
	require.Equal(t, exitDone, code, output)
	require.Equal(t, 1, strings.Count(output, "cannot be marked in grafana"), output)
	require.NotContains(t, output, grafanaViewer)
	require.Equal(t, contest.OutcomePassed, judgedRuns(t, state)[0].Outcome)
}

func TestServeRefusesARoadThatLeadsNowhere(t *testing.T) {
	t.Parallel()
	o, f := standUp(t), newGrafanaFake(t)
	for name, row := range map[string]struct {
		source, write string
		code          int
		want          string
	}{
		"no address to write": {"Prometheus", "", exitUsage, "Set PROMETHEUS_WRITE_URL"},
		"no such data source": {"Loki", "http://127.0.0.1:1/w", exitTrouble, `"Loki" is not among "Prometheus"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := o.config(t, filepath.Join(t.TempDir(), "state"), fmt.Sprintf("grafana: {url: %s/grafana, token: %s, datasource: %s}\nprometheus: {write_url: %q}\n",
				f.URL, grafanaEditor, row.source, row.write))
			code, output := hackload(t, nil, "serve", "--once", "--config", file)
			require.Equal(t, row.code, code, output)
			require.Contains(t, output, row.want)
		})
	}
}

func TestCheckLooksIntoGrafana(t *testing.T) {
	t.Parallel()
	f := newGrafanaFake(t)
	const version = `grafana: version 12.1.0, data source "Prometheus" (uid prom1)`
	for name, row := range map[string]struct {
		grafana config.Grafana
		write   string
		want    survey
	}{
		"all is there": {
			grafana: config.Grafana{Folder: "HackLoad", TeamDashboard: config.Dashboard{UID: "hackload-team"}, RunDashboard: config.Dashboard{UID: "hackload-run/run"}},
			want:    survey{said: []string{version, `grafana: folder "HackLoad" is, and dashboards hackload-team and hackload-run/run are there`}},
		},
		"nothing but a data source": {
			grafana: config.Grafana{Folder: "Else"},
			want: survey{said: []string{version}, warnings: []string{
				`grafana: folder "Else" is not to be had (look up folder "Else": grafana answered 404: there is no folder of that uid or title): `,
				`grafana: dashboard "a3b2aaa8-bb66-4008-a1d8-16c49afedbf0" is not to be had (`,
			}},
		},
		"Prometheus through it": {
			grafana: config.Grafana{DataSource: "prom1", TeamDashboard: config.Dashboard{UID: "hackload-team"}, RunDashboard: config.Dashboard{UID: "hackload-team"}},
			want:    survey{said: []string{version, "grafana: dashboard hackload-team is there"}},
		},
		"no such data source": {
			grafana: config.Grafana{DataSource: "Loki", TeamDashboard: config.Dashboard{UID: "hackload-team"}, RunDashboard: config.Dashboard{UID: "hackload-team"}},
			want: survey{
				warnings: []string{"grafana: the data source cannot be found ("},
				problems: []string{"prometheus: find the way to Prometheus through Grafana: look for a data source: "},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config.Default()
			c.Grafana = row.grafana
			c.Grafana.URL, c.Grafana.Token = f.URL+"/grafana", config.NewSecret(grafanaEditor)
			g, err := openGrafana(c)
			require.NoError(t, err)
			var got survey
			got.checkGrafana(t.Context(), c, g)
			got.checkPrometheus(t.Context(), c, g)
			require.Equal(t, row.want.said, got.said)
			requireBeginnings(t, row.want.warnings, got.warnings)
			requireBeginnings(t, row.want.problems, got.problems)
		})
	}
}

func requireBeginnings(t *testing.T, want, got []string) {
	t.Helper()
	require.Len(t, got, len(want), "%q", got)
	for i := range want {
		require.True(t, strings.HasPrefix(got[i], want[i]), "%q does not begin with %q", got[i], want[i])
	}
}

func TestCheckMissesConfirmationLinks(t *testing.T) {
	t.Parallel()
	var got survey
	got.checkGrafana(t.Context(), config.Default(), nil)
	require.Len(t, got.warnings, 1)
	require.Contains(t, got.warnings[0], "verdicts have no confirmation link")
}
