package main

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/grafana"
	"github.com/hackload-kz/hackload/orchestrator/verdict"
)

// links builds the confirmation links: to Grafana where there is one, to our
// own pages otherwise.
func links(c *config.Config) (verdict.Links, error) {
	if c.Grafana.URL == "" {
		return verdict.Links{
			Team: func(t contest.Team, _ contest.Criterion, _ contest.Window) string { return teamPage(c, t) },
			Run: func(r contest.Run, _ contest.Window) string {
				return ownPage(c, "runs", string(r.TestID))
			},
		}, nil
	}
	to, err := grafana.NewLinks(c.Grafana.URL)
	if err != nil {
		return verdict.Links{}, usage(fmt.Errorf("build links: %w", err), "Correct GRAFANA_URL or GRAFANA_API_URL.")
	}
	team, run := boards(c)
	return verdict.Links{
		Team: func(t contest.Team, criterion contest.Criterion, w contest.Window) string {
			return to.Dashboard(team.uid, team.fill(c, about{t.Slug, criterion, c.Contest.Criteria[criterion].Scenario, ""}), w)
		},
		Run: func(r contest.Run, w contest.Window) string {
			return to.Dashboard(run.uid, run.fill(c, about{r.Team.Slug, r.Criterion, r.Scenario, r.TestID}), w)
		},
	}, nil
}

// teamPage is a team's page with us, which also confirms what no dashboard shows.
func teamPage(c *config.Config, t contest.Team) string { return ownPage(c, "teams", string(t.Slug)) }

// ownPage is the address of one of our pages; empty when nobody knows where
// people reach them.
func ownPage(c *config.Config, kind, name string) string {
	if c.Web.PublicURL == "" {
		return ""
	}
	return strings.TrimRight(c.Web.PublicURL, "/") + "/" + kind + "/" + url.PathEscape(name)
}

// dashboard is a dashboard of Grafana with its variables in order, to be filled.
type dashboard struct {
	uid  string
	vars []grafana.Var
}

// plainUID is the uid without the name that links carry beside it.
func (d dashboard) plainUID() string {
	uid, _, _ := strings.Cut(d.uid, "/")
	return uid
}

// quantile is the one that rules are about.
const quantile = "0.95"

// boards returns the dashboards of teams and of runs. A configured one that
// names no variables has the obvious ones.
func boards(c *config.Config) (team, run dashboard) {
	stock := func(testid string) []grafana.Var { return grafana.StockVars("{datasource}", testid, quantile) }
	teamVar := grafana.Var{Name: "team", Value: "{team}"}
	return boardOf(c.Grafana.TeamDashboard, stock("{team}-{scenario}-.*"), teamVar),
		boardOf(c.Grafana.RunDashboard, stock("{testid}"), teamVar, grafana.Var{Name: "testid", Value: "{testid}"})
}

func boardOf(configured config.Dashboard, stock []grafana.Var, obvious ...grafana.Var) dashboard {
	switch {
	case configured.UID == "":
		return dashboard{grafana.StockDashboard, stock}
	case len(configured.Vars) == 0:
		return dashboard{configured.UID, obvious}
	}
	d := dashboard{uid: configured.UID}
	for _, name := range slices.Sorted(maps.Keys(configured.Vars)) {
		d.vars = append(d.vars, grafana.Var{Name: name, Value: configured.Vars[name]})
	}
	return d
}

// about is what a link is about.
type about struct {
	team      contest.Slug
	criterion contest.Criterion
	scenario  string
	testid    contest.TestID
}

// fill puts what the link is about in its places.
func (d dashboard) fill(c *config.Config, a about) []grafana.Var {
	places := strings.NewReplacer("{team}", string(a.team), "{criterion}", string(a.criterion), "{scenario}", a.scenario,
		"{testid}", string(a.testid), "{datasource}", cmp.Or(c.Grafana.DataSource, "Prometheus"))
	vars := make([]grafana.Var, 0, len(d.vars))
	for _, v := range d.vars {
		vars = append(vars, grafana.Var{Name: v.Name, Value: places.Replace(v.Value)})
	}
	return vars
}
