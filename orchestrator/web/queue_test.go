package web

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestTurns(t *testing.T) {
	t.Parallel()
	run := func(team string, seconds int) contest.Run {
		return contest.Run{Team: contest.Team{Slug: contest.Slug(team)}, Level: contest.Level{Duration: contest.Duration(time.Duration(seconds) * time.Second)}}
	}
	busy := func(team string, left int) ActiveRun {
		return ActiveRun{Run: run(team, 60), Progress: contest.Progress{Elapsed: contest.Duration(time.Duration(60-left) * time.Second), Planned: contest.Duration(time.Minute)}}
	}
	type at struct {
		team  string
		after int
	}
	for name, tc := range map[string]struct {
		waiting Waiting
		active  []ActiveRun
		want    []at
	}{
		"nobody waits":                {Waiting{Targets: 2}, nil, nil},
		"all at once":                 {Waiting{Targets: 2, Runs: []contest.Run{run("a", 10), run("b", 10)}}, nil, []at{{"a", 0}, {"b", 0}}},
		"one after the other":         {Waiting{Targets: 1, Runs: []contest.Run{run("a", 10), run("b", 10)}}, nil, []at{{"a", 0}, {"b", 13}}},
		"a limit that nobody has set": {Waiting{Runs: []contest.Run{run("a", 10), run("b", 10)}}, nil, []at{{"a", 0}, {"b", 13}}},
		"a service takes one":         {Waiting{Targets: 2, Runs: []contest.Run{run("a", 10), run("a", 10)}}, nil, []at{{"a", 0}, {"a", 13}}},
		"most waited for":             {Waiting{Targets: 1, Runs: []contest.Run{run("a", 10), run("b", 10), run("b", 10)}}, nil, []at{{"b", 0}, {"a", 13}, {"b", 26}}},
		"what is under way":           {Waiting{Targets: 1, Runs: []contest.Run{run("a", 10)}}, []ActiveRun{busy("b", 20)}, []at{{"a", 23}}},
		"its own":                     {Waiting{Targets: 2, Runs: []contest.Run{run("a", 10), run("b", 5)}}, []ActiveRun{busy("a", 20)}, []at{{"b", 0}, {"a", 23}}},
		"longer than was planned":     {Waiting{Targets: 1, Runs: []contest.Run{run("b", 5)}}, []ActiveRun{busy("a", -100)}, []at{{"b", 3}}},
		"more under way than allowed": {Waiting{Targets: 1, Runs: []contest.Run{run("c", 5)}}, []ActiveRun{busy("a", 10), busy("b", 5)}, []at{{"c", 13}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []at
			for i, turn := range turns(tc.waiting, tc.active) {
				require.Equal(t, i+1, turn.Place)
				got = append(got, at{string(turn.Run.Team.Slug), int(turn.After.Seconds())})
			}
			require.Equal(t, tc.want, got)
		})
	}
	var many Waiting
	for range 1000 {
		many.Runs = append(many.Runs, run("a", 1))
	}
	require.Len(t, turns(many, nil), mostTurns)
}
