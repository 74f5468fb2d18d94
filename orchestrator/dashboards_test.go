package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/grafana/dashboards"
)

// TestPanelsShowAFinishedRound plays a round with two sample teams, gathers what
// a Prometheus would have of it, and asks every query of every dashboard.
func TestPanelsShowAFinishedRound(t *testing.T) {
	t.Parallel()
	p := playedRound(t)
	p.record(t)
	p.requireWatched(t)
	files, err := filepath.Glob("../manifests/grafana/*.json")
	require.NoError(t, err)
	require.Len(t, files, 4)
	asked := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var board struct{ Panels []shownPanel }
		require.NoError(t, json.Unmarshal(text, &board))
		for _, panel := range board.Panels {
			for _, target := range panel.Targets {
				asked++
				p.requireShown(t, filepath.Base(file), panel, target)
			}
		}
	}
	require.Greater(t, asked, 80)
}

type shownPanel struct {
	Title, Type, Interval string
	Targets               []shownTarget
	FieldConfig           struct{ Defaults struct{ Unit string } }
}

type shownTarget struct {
	RefID, Expr string
	Instant     bool
}

// fill puts values in the place of Grafana's variables, as Grafana does: chosen
// ones as alternatives of an expression, and a window for rates of four steps.
func (p *played) fill(expr, interval string, step time.Duration) string {
	shown := p.to.Sub(p.from)
	return strings.NewReplacer(
		"$__rate_interval", fmt.Sprint(int((4*step).Seconds()), "s"), "$__range", fmt.Sprint(int(shown.Seconds()), "s"),
		"$__interval", interval, "$quantile", "0.95", "$testid", "("+strings.Join(p.testids, "|")+")", "$team", "good", "$test_scenario", "(search|booking)",
	).Replace(expr)
}

// requireShown asks one query, and expects data that can be of the panel's unit.
func (p *played) requireShown(t *testing.T, board string, panel shownPanel, target shownTarget) {
	t.Helper()
	step, err := time.ParseDuration(panel.Interval)
	require.NoError(t, err)
	expr := p.fill(target.Expr, panel.Interval, step)
	require.NotContains(t, expr, "$")
	where := fmt.Sprintf("%s, %s, %s: %s", board, panel.Title, target.RefID, expr)
	query, err := p.ask(t.Context(), target.Instant, expr, step)
	require.NoError(t, err, where)
	defer query.Close()
	values, histograms := answers(t, query.Exec(t.Context()), where)
	if panel.Type == "heatmap" {
		require.Positive(t, histograms, where)
		return
	}
	require.NotEmpty(t, values, where)
	if panel.Type == "table" {
		return // its columns have units of their own
	}
	low, high := bounds(panel.FieldConfig.Defaults.Unit)
	require.GreaterOrEqual(t, slices.Min(values), low, where)
	require.LessOrEqual(t, slices.Max(values), high, where)
}

func (p *played) ask(ctx context.Context, instant bool, expr string, step time.Duration) (promql.Query, error) {
	if instant {
		return p.engine.NewInstantQuery(ctx, p.db, nil, expr, p.to)
	}
	return p.engine.NewRangeQuery(ctx, p.db, nil, expr, p.from, p.to, step)
}

// answers are the numbers of an answer, and how many histograms it holds.
func answers(t *testing.T, result *promql.Result, where string) (values []float64, histograms int) {
	t.Helper()
	require.NoError(t, result.Err, where)
	take := func(v float64) {
		if !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	switch value := result.Value.(type) {
	case promql.Vector:
		for _, sample := range value {
			take(sample.F)
		}
	case promql.Matrix:
		for _, series := range value {
			histograms += len(series.Histograms)
			for _, point := range series.Floats {
				take(point.F)
			}
		}
	}
	return values, histograms
}

// bounds is what a value can be, if its unit is what the panel says.
func bounds(unit string) (low, high float64) {
	switch unit {
	case "percentunit":
		return 0, 1.5 // a generator may be above its ceiling for a moment
	case "bool_yes_no":
		return 0, 1
	case "s":
		return 0, 600 // of a round of a minute
	case "reqps", "cps":
		return 0, 1e5
	case "dateTimeFromNow":
		return 1.7e12, 4e12 // milliseconds of this century
	}
	return 0, math.MaxFloat64
}

// Confirmation links carry the variables that our dashboards have, and no others.
func TestLinksFitOurDashboards(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../manifests/components/monitoring/links.yaml")
	require.NoError(t, err)
	var object struct{ Data map[string]string }
	require.NoError(t, yaml.Unmarshal(text, &object))
	require.Equal(t, map[string]string{"GRAFANA_TEAM_DASHBOARD": dashboards.TeamUID, "GRAFANA_RUN_DASHBOARD": dashboards.RunUID}, object.Data)
	object.Data["GRAFANA_URL"] = "https://grafana.example.org"
	c, err := config.Load(config.Source{Getenv: func(name string) string { return object.Data[name] }})
	require.NoError(t, err)
	to, err := links(c)
	require.NoError(t, err)
	team := contest.Team{Slug: "good"}
	require.Equal(t, "https://grafana.example.org/d/hackload-team?orgId=1&var-team=good&from=now-7d&to=now", to.Team(team, contest.EventSearch, contest.Window{}))
	run := contest.Run{Team: team, Criterion: contest.EventSearch, Scenario: "search", TestID: "good-search-10-01"}
	require.Equal(t, "https://grafana.example.org/d/hackload-run?orgId=1&var-team=good&var-testid=good-search-10-01&from=now-7d&to=now", to.Run(run, contest.Window{}))
	for file, variables := range map[string][]string{"team": {"team"}, "run": {"team", "testid"}} {
		text, err := os.ReadFile("../manifests/grafana/" + file + ".json")
		require.NoError(t, err)
		for _, name := range variables {
			require.Contains(t, string(text), `"name": "`+name+`"`)
		}
	}
}

// The dashboard of a team shows the runs that we mark in Grafana as its own.
func TestMarksFitOurDashboards(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../manifests/grafana/team.json")
	require.NoError(t, err)
	var board struct {
		Annotations struct {
			List []struct{ Target struct{ Tags []string } }
		}
	}
	require.NoError(t, json.Unmarshal(text, &board))
	require.Len(t, board.Annotations.List, 1)
	at := time.Now()
	mark := newMarks(nil, dashboards.RunUID, nil).mark(contest.Run{Team: contest.Team{Slug: "good"}, LaunchedAt: &at, EndedAt: &at})
	require.NotEmpty(t, board.Annotations.List[0].Target.Tags)
	for _, tag := range board.Annotations.List[0].Target.Tags {
		require.Contains(t, mark.Tags, strings.ReplaceAll(tag, "$team", "good"))
	}
}
