package roster_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/roster"
)

// The first source is down, the next one serves, and a third disagrees with it.
func ExampleCombine() {
	hub := roster.NewSource("the Hub", func(context.Context, string) ([]contest.Team, error) {
		return nil, errors.New("connection refused")
	})
	replica := roster.NewSource("the replica", func(context.Context, string) ([]contest.Team, error) {
		return []contest.Team{{Slug: "zulu", Endpoint: "https://zulu.example.org"}, {Slug: "alem"}}, nil
	})
	sheet := roster.NewSource("the sheet", func(context.Context, string) ([]contest.Team, error) {
		return []contest.Team{{Slug: "alem"}, {Slug: "zulu", Endpoint: "http://192.0.2.7"}}, nil
	})
	r := roster.Combine(hub, replica, sheet)
	teams, err := r.Teams(context.Background(), "hackload-2025")
	for _, t := range teams {
		fmt.Printf("%s %q\n", t.Slug, t.Endpoint)
	}
	fmt.Println(err)
	for _, finding := range r.Findings() {
		fmt.Println(finding)
	}
	// Output:
	// alem ""
	// zulu "https://zulu.example.org"
	// <nil>
	// the Hub was passed over: connection refused
	// team zulu: endpoint: the replica has "https://zulu.example.org", which is used; the sheet has "http://192.0.2.7"
}
