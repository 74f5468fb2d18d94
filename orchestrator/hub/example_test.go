package hub_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/hub"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
)

// Read the teams, tell the Hub of one that it knows and of one that it does not.
func Example() {
	dir, _ := os.MkdirTemp("", "hub")
	defer os.RemoveAll(dir)
	lab, err := labhub.Open(filepath.Join(dir, "hub.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer lab.Close()
	ctx := context.Background()
	_ = lab.Seed(ctx, labhub.Team{Slug: "zulu", Name: "Zulu"})
	key, _ := lab.CreateKey(ctx, labhub.Everything)
	server := httptest.NewServer(lab.Handler())
	defer server.Close()

	client, err := hub.New(hub.Config{BaseURL: server.URL, Key: hub.Key(key)})
	if err != nil {
		fmt.Println(err)
		return
	}
	teams, _ := client.Teams(ctx, labhub.DefaultHackathon)
	known := contest.Update{
		TeamSlug: teams[0].Slug, HackathonID: teams[0].HackathonID, CriteriaType: contest.CodeRepo,
		Status: contest.Passed, Score: 1, Metrics: map[string]any{"commitsCount": 12}, UpdatedBy: "git-monitor-service",
	}
	unknown := known
	unknown.TeamSlug = "nobody"
	for _, r := range client.Publish(ctx, []contest.Update{known, unknown}) {
		fmt.Println(r.Update.TeamSlug, hub.IsPermanent(r.Err), r.Err)
	}
	// Output:
	// zulu false <nil>
	// nobody true update nobody/CODE_REPO: hub answered 200: Team not found
}
