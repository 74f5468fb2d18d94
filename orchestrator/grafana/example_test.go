package grafana_test

import (
	"fmt"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/grafana"
)

// A link to the runs of one team, with a minute before and after.
func ExampleLinks_Dashboard() {
	links, err := grafana.NewLinks("https://grafana.example.org")
	if err != nil {
		fmt.Println(err)
		return
	}
	start := time.Date(2025, 8, 16, 10, 0, 0, 0, time.UTC)
	window := contest.Window{From: start.Add(-time.Minute), To: start.Add(time.Minute)}
	fmt.Println(links.Dashboard("hackload-team", []grafana.Var{{Name: "team", Value: "alem"}}, window))
	// Output: https://grafana.example.org/d/hackload-team?orgId=1&var-team=alem&from=1755338340000&to=1755338460000
}

// Where only Grafana can be reached, Prometheus is asked through it.
func ExampleClient_Proxy() {
	client, err := grafana.New(grafana.Config{URL: "https://example.org/grafana/api", Token: "glsa_x"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%+v\n", client.Proxy("prometheus"))
	// Output: {URL:https://example.org/grafana/api/datasources/proxy/uid/prometheus Token:<secret> Username: Password:<secret>}
}
