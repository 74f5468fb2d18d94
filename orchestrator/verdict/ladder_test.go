package verdict

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// climbed writes judged runs as "level.repeat.retry=outcome", p95 after @.
func climbed(t *testing.T, text string) []RunResult {
	t.Helper()
	var done []RunResult
	for word := range strings.FieldsSeq(text) {
		var r RunResult
		var outcome string
		p95 := 300.0
		place, rest, ok := strings.Cut(word, "=")
		if !ok {
			t.Fatalf("%q is not place=outcome", word)
		}
		outcome, speed, timed := strings.Cut(rest, "@")
		if timed {
			if _, err := fmt.Sscan(speed, &p95); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := fmt.Sscanf(place, "%d.%d.%d", &r.Run.LevelNo, &r.Run.Repeat, &r.Run.Retry); err != nil {
			t.Fatal(err)
		}
		r.Run.ID = contest.RunID(place)
		r.Evidence.Latency = &contest.Latency{P95: contest.Quantile{Value: p95, Low: p95, High: p95}}
		r.Verdict.Outcome = map[string]contest.Outcome{"p": contest.OutcomePassed, "f": contest.OutcomeFailed, "i": contest.OutcomeInvalid}[outcome]
		if outcome == "u" {
			r.Verdict.Outcome, r.Evidence.Launch.Unusable = contest.OutcomeInvalid, "search.js:3: no such thing"
		}
		done = append(done, r)
	}
	return done
}

func ladderOf(repeats int, points ...int) LadderConfig {
	cfg := LadderConfig{Repeats: repeats, Retries: 2, Score: "sum"}
	for i, p := range points {
		cfg.Levels = append(cfg.Levels, contest.Level{Users: 100 * (i + 1), Points: p, Duration: contest.Duration(1e10)})
	}
	return cfg
}

func TestLadder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		repeats int
		done    string
		want    string // level.repeat.retry, or done, or invalid
	}{
		{"nothing yet", 3, "", "0.0.0"},
		{"second repeat", 3, "0.0.0=p", "0.1.0"},
		{"two of three agree: the third would change nothing", 3, "0.0.0=p 0.1.0=p", "1.0.0"},
		{"two of three fail", 3, "0.0.0=f 0.1.0=f", "done"},
		{"they disagree", 3, "0.0.0=f 0.1.0=p", "0.2.0"},
		{"the median passes", 3, "0.0.0=f 0.1.0=p 0.2.0=p", "1.0.0"},
		{"an invalid repeat is run again", 3, "0.0.0=p 0.1.0=i", "0.1.1"},
		{"and again", 3, "0.0.0=p 0.1.0=i 0.1.1=i", "0.1.2"},
		{"until it is enough", 3, "0.0.0=p 0.1.0=i 0.1.1=i 0.1.2=i", "invalid"},
		{"a retry that worked replaces the invalid one", 3, "0.0.0=p 0.1.0=i 0.1.1=p", "1.0.0"},
		{"what no generator can run is not run again", 3, "0.0.0=p 0.1.0=u", "invalid"},
		{"nor at a level above", 3, "0.0.0=p 0.1.0=p 1.0.0=u", "invalid"},
		{"in any order", 3, "0.1.1=p 0.1.0=i 0.0.0=p", "1.0.0"},
		{"once is enough with one repeat", 1, "0.0.0=p", "1.0.0"},
		{"to the top", 1, "0.0.0=p 1.0.0=p", "done"},
		{"a level is tried only after the one below it passed", 1, "0.0.0=f", "done"},
		{"invalid at the second level", 1, "0.0.0=p 1.0.0=i 1.0.1=i 1.0.2=i", "invalid"},
		{"a decided level stays decided beside an exhausted repeat", 3, "0.0.0=i 0.0.1=i 0.0.2=i 0.1.0=f 0.2.0=f", "done"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			next := Ladder(ladderOf(tt.repeats, 1, 1), climbed(t, tt.done))
			got := fmt.Sprintf("%d.%d.%d", next.LevelNo, next.Repeat, next.Retry)
			if next.Done {
				got = "done"
			}
			if next.Invalid {
				got = "invalid"
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestLadderWithoutLevelsIsInvalid(t *testing.T) {
	t.Parallel()
	assert.Equal(t, Next{Done: true, Invalid: true}, Ladder(LadderConfig{Repeats: 1}, nil))
}

// TestEveryClimbEnds plays ladders against every sequence of outcomes.
func TestEveryClimbEnds(t *testing.T) {
	t.Parallel()
	cfg := ladderOf(3, 1, 1)
	outcomes := []contest.Outcome{contest.OutcomePassed, contest.OutcomeFailed, contest.OutcomeInvalid}
	var play func(done []RunResult, depth int)
	play = func(done []RunResult, depth int) {
		next := Ladder(cfg, done)
		if next.Done || depth == 10 {
			return
		}
		for _, r := range done {
			if r.Run.LevelNo == next.LevelNo && r.Run.Repeat == next.Repeat && r.Run.Retry == next.Retry {
				t.Fatalf("%+v was run already", next)
			}
		}
		for _, outcome := range outcomes {
			r := RunResult{Run: contest.Run{LevelNo: next.LevelNo, Repeat: next.Repeat, Retry: next.Retry}}
			r.Verdict.Outcome = outcome
			play(append(done[:len(done):len(done)], r), depth+1)
		}
	}
	play(nil, 0)
	most := 0
	for done, next := []RunResult(nil), Ladder(cfg, nil); !next.Done; next = Ladder(cfg, done) {
		r := RunResult{Run: contest.Run{LevelNo: next.LevelNo, Repeat: next.Repeat, Retry: next.Retry}}
		r.Verdict.Outcome = contest.OutcomeInvalid
		if next.Retry == cfg.Retries {
			r.Verdict.Outcome = outcomes[next.Repeat%2] // as long as it can take
		}
		if next.Repeat == 2 {
			r.Verdict.Outcome = contest.OutcomePassed
		}
		done, most = append(done, r), most+1
	}
	assert.LessOrEqual(t, most, len(cfg.Levels)*cfg.Repeats*(cfg.Retries+1))
}
