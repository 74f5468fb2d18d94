package conduct

import (
	"context"
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// publish writes a measured verdict and, where the Hub is to be told, the update
// of the verdict that counts. Under an override it is only kept. From here on it
// holds nothing that the team marked as secure.
func (l *Line) publish(ctx context.Context, tx *store.Tx, v contest.Verdict, tellHub bool) error {
	v = v.Shown()
	if v.Invalid {
		past, err := tx.Past(ctx, v.Team.Slug, v.Criterion, pastVerdicts)
		if err != nil {
			return err
		}
		v = withStreak(v, past)
	}
	if stands, err := underOverride(ctx, tx, v); err != nil || stands {
		return err
	}
	switch {
	case tellHub && v.Invalid:
		// What could not be measured never overwrites what was.
		better, err := l.hubHoldsBetter(ctx, tx, v)
		if err != nil {
			return err
		}
		tellHub = !better
	case tellHub && l.bestCounts(v.Criterion):
		return l.publishBest(ctx, tx, v)
	}
	if !tellHub {
		return tx.InsertVerdict(ctx, v, false)
	}
	return tellVerdict(ctx, tx, v)
}

// publishBest publishes a verdict where a team's best climb counts. A worse one
// is kept and told to nobody: the best stands again.
func (l *Line) publishBest(ctx context.Context, tx *store.Tx, v contest.Verdict) error {
	past, err := tx.Past(ctx, v.Team.Slug, v.Criterion, pastVerdicts)
	if err != nil {
		return err
	}
	counts, ok := l.counts(v.Criterion, append([]contest.Verdict{v}, past...))
	if !ok || counts.Climb == v.Climb {
		return tellVerdict(ctx, tx, v)
	}
	if err := tx.InsertVerdict(ctx, v, false); err != nil {
		return err
	}
	return standAgain(ctx, tx, counts, later(v.At, tx.Now()))
}

// tellVerdict writes a verdict and its update.
func tellVerdict(ctx context.Context, tx *store.Tx, v contest.Verdict) error {
	return standAgain(ctx, tx, v, v.At)
}

func (l *Line) bestCounts(c contest.Criterion) bool {
	rules, ok := l.Criterion(c)
	return ok && rules.Result == config.ResultBest
}

// counts returns which of a team's verdicts in a criterion counts, of some that
// are given the newest first: the latest that was measured, or the best. Where
// the team took away what could be measured, its newest verdict says so.
func (l *Line) counts(c contest.Criterion, newestFirst []contest.Verdict) (stands contest.Verdict, ok bool) {
	for _, v := range newestFirst {
		switch {
		case v.Invalid || ByHand(v):
		case !ok:
			if stands, ok = v, true; v.Status == contest.NoData || !l.bestCounts(c) {
				return stands, true
			}
		case v.Status != contest.NoData && !worse(v, stands):
			stands = v // of equals the earlier
		}
	}
	return stands, ok
}

// worse compares by points, and with equal points by status.
func worse(a, b contest.Verdict) bool {
	if a.Score != b.Score {
		return a.Score < b.Score
	}
	return a.Status != contest.Passed && b.Status == contest.Passed
}

// Rules of findings that the line itself adds to a verdict.
const (
	ruleOverride = "override"
	ruleStreak   = "invalid streak"
)

// longStreak is how many rounds in a row that could not be measured are worth a
// person's look.
const longStreak = 3

// ByHand reports whether a verdict was set by an organiser.
func ByHand(v contest.Verdict) bool { return len(v.Findings) > 0 && v.Findings[0].Rule == ruleOverride }

// withStreak adds a finding to an invalid verdict that is at least the third in
// a row.
func withStreak(v contest.Verdict, newestFirst []contest.Verdict) contest.Verdict {
	streak := 1
	for _, earlier := range newestFirst {
		if ByHand(earlier) {
			continue
		}
		if !earlier.Invalid {
			break
		}
		streak++
	}
	if streak < longStreak {
		return v
	}
	v.Findings = append(v.Findings[:len(v.Findings):len(v.Findings)], contest.Finding{
		Rule: ruleStreak, Outcome: contest.OutcomeWarning, Value: float64(streak), Bound: longStreak, Op: "<", Unit: "rounds",
		Sentence: fmt.Sprintf("The team could not be measured in %d rounds in a row, so somebody should look at why. What the Hub holds of it stays.", streak),
	})
	return v
}

// InvalidStreak reports whether a verdict is one of at least three in a row that
// could not be measured.
func InvalidStreak(v contest.Verdict) bool {
	return v.Invalid && len(v.Findings) > 0 && v.Findings[len(v.Findings)-1].Rule == ruleStreak
}

// tell tells the observer what a transaction has committed: there may be new
// updates, and a round may have ended.
func (l *Line) tell(ended *contest.Round) {
	l.Observe.UpdateQueued()
	if ended != nil {
		l.Observe.RoundEnded(*ended)
	}
}
