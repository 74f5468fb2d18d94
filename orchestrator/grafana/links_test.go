package grafana

import (
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestLinks(t *testing.T) {
	t.Parallel()
	w := someWindow()
	wide := contest.Window{From: w.From.Add(-time.Minute), To: w.To.Add(time.Minute)}
	var got strings.Builder
	for _, row := range []struct {
		name, address, uid string
		vars               []Var
		window             contest.Window
	}{
		{"the organisers' form", "https://hub.hackload.kz/grafana", StockDashboard, StockVars("Prometheus", "alem-booking-script-212", "0.99"), wide},
		{"a run under way", "https://hub.hackload.kz/grafana/", StockDashboard, StockVars("Prometheus", "alem-booking-script-212", "0.99"), contest.Window{From: w.From}},
		{"as the Hub's job service made it", "https://hub.hackload.kz/grafana", StockDashboard, StockVars("Prometheus", "alem", "0.99"), contest.Window{}},
		{"all runs of a team", "https://grafana.example.org/api", "hackload-team", []Var{{"team", "3g"}}, wide},
		{"several values of one variable", "http://localhost:3000", "hackload-run", []Var{{"testid", "a-1"}, {"testid", "a-2"}}, wide},
		{"a pattern and letters of other alphabets", "https://grafana.example.org", "hackload-run", []Var{{"testid", "good-.*"}, {"team", "Команда & co?#"}}, wide},
		{"a uid that is none", "https://grafana.example.org", "my board?x#y", nil, wide},
	} {
		links, err := NewLinks(row.address)
		require.NoError(t, err)
		link := links.Dashboard(row.uid, row.vars, row.window)
		got.WriteString("# " + row.name + "\n" + link + "\n")

		u, err := url.Parse(link)
		require.NoError(t, err)
		require.Empty(t, u.Fragment, "nothing breaks out of its place")
		for _, v := range row.vars {
			require.Contains(t, u.Query()["var-"+v.Name], v.Value)
		}
	}
	path := filepath.Join("testdata", "links.txt")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())
}

// The exact form of the links that the Hub's own pages have.
func TestOrganisersForm(t *testing.T) {
	t.Parallel()
	links, err := NewLinks("https://hub.hackload.kz/grafana")
	require.NoError(t, err)
	w := contest.Window{From: time.UnixMilli(1755338340000), To: time.UnixMilli(1755338550000)}
	require.Equal(t,
		"https://hub.hackload.kz/grafana/d/a3b2aaa8-bb66-4008-a1d8-16c49afedbf0/k6-prometheus-native-histograms?orgId=1"+
			"&var-DS_PROMETHEUS=Prometheus&var-testid=alem-booking-script-212&var-quantile=0.99&from=1755338340000&to=1755338550000",
		links.Dashboard(StockDashboard, StockVars("Prometheus", "alem-booking-script-212", "0.99"), w))
	_, err = NewLinks("grafana.example.org")
	require.Error(t, err)
}
