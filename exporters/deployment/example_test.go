package deployment_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/hackload-kz/hackload/exporters/deployment"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/target"
)

func Example() {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/analytics" {
			http.NotFound(w, r)
		}
	}))
	defer service.Close()
	x, err := deployment.New(deployment.Config{Guard: target.Guard{AllowPrivate: true}},
		deployment.Rules{Rule: deployment.RuleHTTP, Points: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	teams := []contest.Team{{Slug: "zulu", Endpoint: service.URL}, {Slug: "typo", Endpoint: "http://0177.0.0.1"}, {Slug: "none"}}
	for _, team := range teams {
		err = x.Measure(context.Background(), []contest.Team{team}, func(v contest.Verdict) {
			fmt.Println(v.Team.Slug, v.Status, v.Score, v.Metrics["workingEndpoints"], "of", v.Metrics["totalEndpoints"])
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// zulu PASSED 1 4 of 4
	// typo FAILED 0 0 of 0
	// none NO_DATA 0 0 of 0
}
