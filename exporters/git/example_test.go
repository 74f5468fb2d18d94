package git_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/hackload-kz/hackload/exporters/git"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/lab/github"
)

func Example() {
	api := httptest.NewServer(github.New(github.Options{Repos: github.SampleRepos(time.Now())}))
	defer api.Close()
	x, err := git.New(git.Config{APIURL: api.URL, Token: "any"}, git.Rules{Kind: git.KindCommits, Min: 10, Recent: 24 * time.Hour, Points: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer x.Close()
	teams := []contest.Team{{Slug: "oversold", Repository: "git@github.com:hackload-kz/oversold.git"}}
	err = x.Measure(context.Background(), teams, func(v contest.Verdict) {
		fmt.Println(v.Team.Slug, v.Status, v.Score, v.Metrics["repositoryUrl"])
		fmt.Println(v.Findings[0].Sentence)
	})
	fmt.Println(err)
	// Output:
	// oversold FAILED 0 https://github.com/hackload-kz/oversold
	// There is no such repository on GitHub, or it is private: make it public.
	// <nil>
}

func ExampleParseRepository() {
	for _, text := range []string{"https://captain:password@www.github.com/Team/app.git", "git@gitlab.com:a/b/app.git", "javascript:alert(1)"} {
		r, err := git.ParseRepository(text)
		fmt.Println(r.URL(), r.Credentials, err)
	}
	// Output:
	// https://github.com/Team/app true <nil>
	// https://gitlab.com/a/b/app false <nil>
	//  false it is not an address
}

func ExampleJudge() {
	at := time.Date(2025, 8, 16, 12, 0, 0, 0, time.UTC)
	rules := git.Rules{Kind: git.KindGraded, Min: 2, Recent: 24 * time.Hour, Points: 100}
	v := git.Judge(contest.Team{Slug: "alem"}, rules, git.Facts{State: git.Found, Commits: 3, Last: at.Add(-30 * time.Hour), At: at, Contributors: -1, Branch: "main"})
	fmt.Println(v.Status, v.Score)
	for _, f := range v.Findings {
		fmt.Println(f.Outcome, f.Rule+":", f.Sentence)
	}
	// Output:
	// FAILED 52
	// passed repository: The repository can be read; its default branch is "main".
	// passed commits: 3 commits in all, of them 0 in the last 24 h; at least 2 are wanted.
	// failed last commit: The last commit is 30 h old; less than 24 h is wanted.
}
