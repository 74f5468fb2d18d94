package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/verdict"
)

// stockDashboard is the uid of Grafana's stock dashboard for k6 with native
// histograms, which the contest's Grafana has.
const stockDashboard = "a3b2aaa8-bb66-4008-a1d8-16c49afedbf0/k6-prometheus-native-histograms"

// links builds the confirmation links: to Grafana where there is one, to our
// own pages otherwise.
func links(c *config.Config) verdict.Links {
	if c.Grafana.URL == "" {
		base := strings.TrimRight(c.Web.PublicURL, "/")
		return verdict.Links{
			Team: func(t contest.Team, _ contest.Criterion, _ contest.Window) string {
				return base + "/teams/" + url.PathEscape(string(t.Slug))
			},
			Run: func(r contest.Run, _ contest.Window) string {
				return base + "/runs/" + url.PathEscape(string(r.TestID))
			},
		}
	}
	base := strings.TrimRight(c.Grafana.URL, "/") + "/d/" + stockDashboard
	return verdict.Links{
		Team: func(t contest.Team, _ contest.Criterion, w contest.Window) string {
			return dashboardURL(base, string(t.Slug)+"-.*", w)
		},
		Run: func(r contest.Run, w contest.Window) string { return dashboardURL(base, string(r.TestID), w) },
	}
}

func dashboardURL(base, testid string, w contest.Window) string {
	q := url.Values{}
	q.Set("orgId", "1")
	q.Set("var-DS_PROMETHEUS", "Prometheus")
	q.Set("var-testid", testid)
	q.Set("var-quantile", "0.95")
	q.Set("from", fmt.Sprint(w.From.UnixMilli()))
	q.Set("to", fmt.Sprint(w.To.UnixMilli()))
	return base + "?" + q.Encode()
}
