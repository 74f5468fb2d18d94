package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/grafana"
	"github.com/hackload-kz/hackload/orchestrator/prom"
)

// openGrafana returns a client of the contest's Grafana, nil where there is
// none. It calls nobody.
func openGrafana(c *config.Config) (*grafana.Client, error) {
	g := c.Grafana
	if g.URL == "" && g.APIURL == "" {
		return nil, nil
	}
	access := grafana.Config{URL: cmp.Or(g.APIURL, g.URL), Token: grafana.Secret(g.Token.Reveal())}
	if access.Token == "" { // a token is enough; a user's name beside it is only known to people
		access.Username, access.Password = g.Username, grafana.Secret(g.Password.Reveal())
	}
	client, err := grafana.New(access)
	if err != nil {
		return nil, usage(err, "Correct the section grafana, or the variables GRAFANA_….")
	}
	return client, nil
}

// prometheusConfig says how Prometheus is asked: at its own address, or else
// through Grafana. Without a URL in it there is none outside.
func prometheusConfig(ctx context.Context, c *config.Config, g *grafana.Client) (prom.Config, error) {
	p := prom.Config{
		URL: strings.TrimRight(c.Prometheus.URL, "/"), Username: c.Prometheus.Username, Password: c.Prometheus.Password.Reveal(),
		BearerToken: c.Prometheus.Token.Reveal(), Timeout: c.Prometheus.Timeout.D(),
	}
	if !c.Proxied() {
		return p, nil
	}
	if g == nil {
		return p, usage(errors.New("grafana.datasource is set, but Prometheus is reached neither directly nor through Grafana"),
			"Set GRAFANA_URL or PROMETHEUS_URL.")
	}
	source, err := g.Prometheus(ctx, c.Grafana.DataSource)
	if err != nil {
		return p, fmt.Errorf("find the way to Prometheus through Grafana: %w", err)
	}
	road := g.Proxy(source.UID)
	p.URL, p.BearerToken, p.Username, p.Password = road.URL, string(road.Token), road.Username, string(road.Password)
	return p, nil
}

// writeURL is where load generators write metrics to a Prometheus outside.
func writeURL(c *config.Config) (string, error) {
	switch {
	case c.Prometheus.WriteURL != "":
		return c.Prometheus.WriteURL, nil
	case c.Proxied():
		return "", usage(errors.New("prometheus.write_url is not set, and Grafana passes on no metrics"),
			"Set PROMETHEUS_WRITE_URL to where Prometheus takes remote write.")
	}
	return strings.TrimRight(c.Prometheus.URL, "/") + "/api/v1/write", nil
}

// checkGrafana asks Grafana, where there is one. Nothing there is needed for a
// verdict, so what is missing is a warning.
func (s *survey) checkGrafana(ctx context.Context, c *config.Config, g *grafana.Client) {
	if g == nil {
		if c.Web.PublicURL == "" {
			s.warn("verdicts have no confirmation link: set GRAFANA_URL, or HACKLOAD_PUBLIC_URL to where people reach our pages")
		}
		return
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	team, run := boards(c)
	want := grafana.Wanted{DataSource: c.Grafana.DataSource, Folder: c.Grafana.Folder, Dashboards: []string{team.uid}}
	if run.uid != team.uid {
		want.Dashboards = append(want.Dashboards, run.uid)
	}
	state := g.Check(ctx, want)
	for _, p := range state.Problems {
		s.warn("grafana: %s", p)
	}
	if state.DataSource.UID != "" {
		s.say("grafana: version %s, data source %q (uid %s)", cmp.Or(state.Version, "unknown"), state.DataSource.Name, state.DataSource.UID)
	}
	if len(state.Problems) == 0 {
		s.say("grafana: %s there", have(c.Grafana.Folder, want.Dashboards))
	}
}

func have(folder string, dashboards []string) string {
	text := "dashboard " + dashboards[0] + " is"
	if len(dashboards) > 1 {
		text = "dashboards " + strings.Join(dashboards, " and ") + " are"
	}
	if folder == "" {
		return text
	}
	return fmt.Sprintf("folder %q is, and %s", folder, text)
}
