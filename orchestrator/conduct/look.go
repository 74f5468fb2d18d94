package conduct

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/observe"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/verdict"
)

// Measure looks at teams without putting load on them. It hands each verdict to
// each, from one goroutine at a time, as soon as it is known; a team that each
// was not called for could not be measured. An error means that nothing could.
type Measure func(ctx context.Context, teams []contest.Team, each func(contest.Verdict)) error

// Looks are the rounds that measure without load and are under way in this
// process. What a killed one left is looked at again: a team that has its
// verdict keeps it.
type looks struct {
	mu     sync.Mutex
	busy   map[contest.RoundID]bool
	wanted chan contest.RoundID
}

// mostLooks bounds the rounds that look at once; there is one service each.
const (
	mostLooks = 16
	lookWait  = time.Second
)

func newLooks() *looks {
	return &looks{busy: map[contest.RoundID]bool{}, wanted: make(chan contest.RoundID, mostLooks)}
}

// ask has the round looked at, unless it is being looked at.
func (k *looks) ask(id contest.RoundID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.busy[id] {
		return
	}
	select {
	case k.wanted <- id:
		k.busy[id] = true
	default: // asked again a moment later
	}
}

func (k *looks) done(id contest.RoundID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.busy, id)
}

// Run measures the rounds that Look asks for, until ctx is done; then it waits
// until those under way have stopped. They are taken up by the next process.
func (l *Line) Run(ctx context.Context) error {
	var group errgroup.Group
	for {
		select {
		case <-ctx.Done():
			return group.Wait()
		case id := <-l.looks.wanted:
			group.Go(func() error {
				defer l.looks.done(id)
				if err := l.measure(ctx, id); err != nil && ctx.Err() == nil {
					// The round stays open, and Look asks for it again.
					l.Log.WarnContext(ctx, "round could not be measured, it is tried again", "round", id, "error", err)
				}
				return nil
			})
		}
	}
}

// Look sees to a round that measures without load: it returns when to look
// again, or 0 when the round has ended. The work itself is done by Run, because
// it takes longer than a step may.
func (l *Line) Look(ctx context.Context, id contest.RoundID) (again time.Duration, err error) {
	open, err := l.Store.OpenClimbs(ctx, id)
	if err != nil || open == 0 {
		return 0, err
	}
	mine, err := l.ownRound(ctx, id)
	if err != nil {
		return 0, err
	}
	if mine {
		l.looks.ask(id)
	}
	return lookWait, nil
}

// measure looks at every team of the round that has no verdict yet, and, where
// teams are compared, at the others beside them.
func (l *Line) measure(ctx context.Context, id contest.RoundID) error {
	climbs, err := l.Store.ClimbsOf(ctx, id)
	if err != nil || len(climbs) == 0 {
		return err
	}
	service, err := contest.FindService(string(climbs[0].Criterion))
	if err != nil {
		return err
	}
	round, err := l.Store.Round(ctx, id)
	if err != nil {
		return err
	}
	look, err := l.lookFor(service.Key, round)
	if err != nil {
		return err
	}
	byTeam := map[contest.Slug]store.Climb{}
	var teams []contest.Team
	for _, c := range climbs {
		byTeam[c.Team.Slug] = c
		teams = append(teams, c.Team)
	}
	if service.Compares() {
		if teams, err = l.among(ctx, round, teams); err != nil {
			return err
		}
	}
	var failed error
	looking, done := observe.Start(observe.About(ctx, observe.Subject{Round: id, Service: service.Key, Criterion: service.Criterion}), "measure")
	err = look(looking, teams, func(v contest.Verdict) {
		c, known := byTeam[v.Team.Slug]
		if !known {
			return
		}
		delete(byTeam, v.Team.Slug)
		failed = errors.Join(failed, l.conclude(ctx, c, v))
	})
	done(err)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	reason := "The team was not measured in this round."
	if err != nil {
		reason = fmt.Sprintf("Nothing could be measured: %v.", err)
	}
	for _, c := range byTeam {
		failed = errors.Join(failed, l.conclude(ctx, c, unmeasured(c.Team, service, reason)))
	}
	return failed
}

// lookFor returns what measures the teams of a round.
func (l *Line) lookFor(key contest.ServiceKey, round contest.Round) (Measure, error) {
	look, ok := l.Measures[key]
	if !ok {
		return nil, fmt.Errorf("nothing measures %s", key)
	}
	if again := l.Again[key]; again != nil && round.Rerun {
		look = again
	}
	return look, nil
}

// among returns all teams that those still without a verdict are compared with:
// the round's own, of which a killed process may have concluded some, or where
// one team is measured again the contest's.
func (l *Line) among(ctx context.Context, round contest.Round, without []contest.Team) (all []contest.Team, err error) {
	if round.Rerun {
		all, err = l.Teams(ctx)
	} else {
		all, err = l.Store.TeamsOf(ctx, round.ID)
	}
	if err != nil {
		return nil, fmt.Errorf("list the teams to compare with: %w", err)
	}
	for _, team := range without {
		if _, known := find(all, team.Slug); !known {
			all = append(all, team)
		}
	}
	return all, nil
}

// unmeasured is the verdict on a team that nothing can be said of.
func unmeasured(team contest.Team, service contest.Service, reason string) contest.Verdict {
	v := verdict.NoData(team, service, reason, time.Now())
	v.Invalid = true
	v.Findings[0].Outcome = contest.OutcomeInvalid
	return v
}

// conclude writes a team's verdict, its update and the end of its climb.
func (l *Line) conclude(ctx context.Context, c store.Climb, v contest.Verdict) error {
	v.Round, v.Climb = c.Round, c.ID
	var ended *contest.Round
	write := func(tx *store.Tx) (err error) {
		if err := tx.EndClimb(ctx, c.ID); err != nil {
			return err
		}
		if err := l.publish(ctx, tx, v, c.Publish); err != nil {
			return err
		}
		ended, err = tx.EndRound(ctx, c.Round)
		return err
	}
	err := l.asked(ctx, c.Round, c.Criterion, func() error { return l.Store.Write(ctx, write) })
	if errors.Is(err, store.ErrStale) {
		return nil // an earlier look was quicker
	}
	if err != nil {
		return fmt.Errorf("conclude %s of team %s: %w", c.Criterion, c.Team.Slug, err)
	}
	l.tell(ended)
	return nil
}

// Hold takes the lease of a target for a probe that has side effects, so that
// no load run begins there before release. While a load run is under way there
// it waits until ctx ends; it is not ok then, and the probe is to be left out.
func (l *Line) Hold(ctx context.Context, target string) (release func(), ok bool) {
	for {
		err := l.Store.Write(ctx, func(tx *store.Tx) (err error) {
			ok, err = tx.HoldTarget(ctx, target, l.Replica.ID())
			return err
		})
		if err == nil && ok {
			return sync.OnceFunc(func() { l.free(target) }), true
		}
		if err != nil && ctx.Err() == nil {
			l.Log.WarnContext(ctx, "a target could not be held for a probe", "error", err) // which one may be secret
		}
		select {
		case <-ctx.Done():
			return nil, false
		case <-time.After(l.limits.Poll):
		}
	}
}

const freeTimeout = 10 * time.Second

// free gives a target free, also while the process is being stopped, and lets
// the runs that waited for it begin.
func (l *Line) free(target string) {
	ctx, cancel := context.WithTimeout(context.Background(), freeTimeout)
	defer cancel()
	err := l.Store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.FreeTarget(ctx, target); err != nil {
			return err
		}
		return l.dispatch(ctx, tx)
	})
	if err != nil {
		l.Log.Warn("a target could not be given free; the next start does it", "error", err)
	}
}
