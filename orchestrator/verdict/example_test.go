package verdict_test

import (
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/verdict"
)

func ExampleJudge() {
	p95, _ := contest.ParseThreshold("http_req_duration{scenario:steady}", "p(95)<2000")
	rules, _ := verdict.RulesFor(contest.EventSearch, []contest.Threshold{p95}, nil)
	v := verdict.Judge(rules, contest.Evidence{
		Preflight:  contest.Preflight{Answered: true, Status: 200},
		Thresholds: []contest.ThresholdCount{{Threshold: p95, Within: 18_900, Samples: 20_000}},
		Generators: []contest.GeneratorHealth{{Finished: true, CPU: 0.4}},
	})
	fmt.Println(v.Outcome)
	fmt.Println(v.Findings[2].Sentence)
	// Output:
	// failed
	// 18,900 of 20,000 requests were answered in under 2 s (94.5 %), needs at least 95 %.
}

func ExampleLadder() {
	cfg := verdict.LadderConfig{Levels: []contest.Level{{Users: 5000, Points: 1}, {Users: 25000, Points: 1}}, Repeats: 1}
	passed := verdict.RunResult{Verdict: contest.RunVerdict{Outcome: contest.OutcomePassed}}
	next := verdict.Ladder(cfg, []verdict.RunResult{passed})
	fmt.Println(next.Level.Users, next.Done)
	// Output: 25000 false
}
