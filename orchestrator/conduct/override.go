package conduct

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/verdict"
)

// ErrNoTeam means that neither the contest nor its history knows a team.
var ErrNoTeam = errors.New("no such team")

// Override is a verdict that an organiser sets in place of the measured one.
type Override struct {
	Team      contest.Slug
	Criterion contest.Criterion
	Status    contest.Status
	Score     int
	Who, Why  string
}

// pastVerdicts is how far back a team's verdicts are looked through. The best
// stands again after each worse one, so it is always among them.
const pastVerdicts = 100

// Override sets a verdict by hand: for pages and for the Hub, until it is
// lifted. What is measured meanwhile is kept, and told to nobody.
func (l *Line) Override(ctx context.Context, o Override) error {
	service, err := contest.FindService(string(o.Criterion))
	if err != nil {
		return err
	}
	teams, teamsErr := l.Teams(ctx) // before the transaction; history may know the team all the same
	err = l.Store.Write(ctx, func(tx *store.Tx) error {
		v, err := overridden(ctx, tx, service, o, teams)
		if err != nil {
			return errors.Join(err, teamsErr)
		}
		if err := tx.PutOverride(ctx, store.Override{Verdict: v, Who: o.Who, Why: o.Why}); err != nil {
			return err
		}
		if err := tellVerdict(ctx, tx, v); err != nil {
			return err
		}
		return tx.Audit(ctx, store.AuditEntry{Who: o.Who, What: "override", Why: o.Why,
			Subject: fmt.Sprintf("%s %s: %s, %d points", o.Team, o.Criterion, o.Status, o.Score)})
	})
	if err != nil {
		return fmt.Errorf("override %s of team %s: %w", o.Criterion, o.Team, err)
	}
	l.Observe.UpdateQueued()
	return nil
}

// overridden is the verdict that the override stands for. It keeps the numbers
// that were measured last: they are facts.
func overridden(ctx context.Context, tx *store.Tx, service contest.Service, o Override, teams []contest.Team) (contest.Verdict, error) {
	past, err := tx.Past(ctx, o.Team, o.Criterion, 1)
	if err != nil {
		return contest.Verdict{}, err
	}
	team, known := find(teams, o.Team)
	if !known {
		other, err := tx.Past(ctx, o.Team, "", 1)
		if err != nil {
			return contest.Verdict{}, err
		}
		if len(other) == 0 {
			return contest.Verdict{}, ErrNoTeam
		}
		team = other[0].Team
	}
	v := verdict.NoData(team.Shown(), service, o.Why, tx.Now())
	if len(past) > 0 {
		v.Metrics, v.Runs = maps.Clone(past[0].Metrics), past[0].Runs
	}
	v.Status, v.Score = o.Status, o.Score
	outcome := contest.OutcomePassed
	if o.Status == contest.Failed {
		outcome = contest.OutcomeFailed
	}
	v.Findings = []contest.Finding{{Rule: ruleOverride, Outcome: outcome, Value: float64(o.Score), Unit: "points",
		Sentence: fmt.Sprintf("Set by hand by %s: %s", o.Who, o.Why)}}
	return v, nil
}

func find(teams []contest.Team, slug contest.Slug) (contest.Team, bool) {
	for _, t := range teams {
		if t.Slug == slug {
			return t, true
		}
	}
	return contest.Team{}, false
}

// Lift ends an override: the measured verdict that counts stands again. Where none
// is, the override's is told until the next round. store.ErrNotFound: none was set.
func (l *Line) Lift(ctx context.Context, team contest.Slug, c contest.Criterion, e store.AuditEntry) error {
	err := l.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.DropOverride(ctx, team, c); err != nil {
			return err
		}
		e.What, e.Subject = "lift override", fmt.Sprintf("%s %s", team, c)
		if err := tx.Audit(ctx, e); err != nil {
			return err
		}
		past, err := tx.Past(ctx, team, c, pastVerdicts)
		if err != nil {
			return err
		}
		if v, ok := l.counts(c, past); ok {
			return standAgain(ctx, tx, v, tx.Now())
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("lift override of team %s: %w", team, err)
	}
	l.Observe.UpdateQueued()
	return nil
}

// standAgain writes a verdict as the one that stands from since on, and its
// update.
func standAgain(ctx context.Context, tx *store.Tx, v contest.Verdict, since time.Time) error {
	if err := tx.InsertStanding(ctx, v, since); err != nil {
		return err
	}
	u, err := v.Update()
	if err != nil {
		return err
	}
	return tx.PutUpdate(ctx, u)
}

// underOverride writes a measured verdict below the override that stands, if
// one does: kept, but neither shown nor told.
func underOverride(ctx context.Context, tx *store.Tx, v contest.Verdict) (stands bool, err error) {
	o, err := tx.Override(ctx, v.Team.Slug, v.Criterion)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := tx.InsertVerdict(ctx, v, false); err != nil {
		return false, err
	}
	o.At = later(v.At, tx.Now())
	return true, tx.InsertVerdict(ctx, o, true)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
