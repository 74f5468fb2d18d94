package conduct

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/observe"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/verdict"
)

// ErrRoundOpen means that a service's last round has not ended, so this firing
// is skipped.
var ErrRoundOpen = errors.New("the service's last round is still under way")

// recordTimeout bounds how long a failure is being recorded.
const recordTimeout = 5 * time.Second

// NewRound returns an identity for a round that is to begin.
func NewRound() contest.RoundID { return contest.RoundID(newID()) }

// Begin plans a new round of a service over all teams. The order of the teams
// rotates from round to round, so that no team is always first or last.
func (l *Line) Begin(ctx context.Context, key contest.ServiceKey) (contest.RoundID, error) {
	return l.BeginAs(ctx, key, NewRound())
}

// BeginAs is Begin for a firing that may be tried several times: under one
// identity all tries are one round. Once it has begun, another try is harmless.
// An empty identity is a new one.
func (l *Line) BeginAs(ctx context.Context, key contest.ServiceKey, id contest.RoundID) (_ contest.RoundID, err error) {
	service, err := contest.FindService(string(key))
	if err != nil {
		return "", err
	}
	p, err := l.planFor(service)
	if err != nil {
		return "", fmt.Errorf("begin round of %s: %w", key, err)
	}
	p.round = cmp.Or(id, p.round)
	ctx, planned := observe.Start(observe.About(ctx, observe.Subject{Round: p.round, Service: p.service.Key, Criterion: p.service.Criterion}), "plan")
	defer func() { planned(err) }()
	teams, err := l.Teams(ctx)
	if err != nil {
		err = fmt.Errorf("begin round of %s: list teams: %w", key, err)
		return "", errors.Join(err, l.recordFailure(ctx, p, err))
	}
	before, err := l.Store.CountRounds(ctx, key)
	if err != nil {
		return "", err
	}
	var ended *contest.Round
	err = l.Store.Write(ctx, func(tx *store.Tx) (err error) {
		if err := refuseOpenRound(ctx, tx, p); err != nil {
			return err
		}
		ended, err = l.planRound(ctx, tx, p, rotate(teams, before))
		return err
	})
	if errors.Is(err, store.ErrStale) {
		return p.round, nil // an earlier try was told too late that it had succeeded
	}
	if err != nil {
		return "", fmt.Errorf("begin round of %s: %w", key, err)
	}
	l.tell(ended)
	return p.round, nil
}

// recordFailure keeps a round that could not begin, for the service's health,
// also when it was the time that ran out. That this process was stopped says
// nothing of the service.
func (l *Line) recordFailure(ctx context.Context, p plan, cause error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	now := time.Now()
	err := l.Store.Write(ctx, func(tx *store.Tx) error {
		return tx.InsertRound(ctx, contest.Round{
			ID: p.round, Service: p.service.Key, StartedAt: now, EndedAt: &now, Error: cause.Error(),
		})
	})
	if errors.Is(err, store.ErrStale) {
		return nil // it has begun all the same
	}
	return err
}

// plan is what the climbs of one round have in common.
type plan struct {
	service   contest.Service
	criterion config.Criterion
	round     contest.RoundID
	publish   bool
	rerun     bool
}

// planFor plans a new round of a service by the rules in force, for the Hub to be
// told.
func (l *Line) planFor(service contest.Service) (plan, error) {
	rules, ok := l.Criterion(service.Criterion)
	if !ok {
		return plan{}, fmt.Errorf("the contest has no rules for %s", service.Criterion)
	}
	p, err := newPlan(service, rules)
	if err == nil && !p.service.Load() && l.Measures[service.Key] == nil {
		err = fmt.Errorf("nothing measures %s here", service.Key)
	}
	p.publish = true
	return p, err
}

// newPlan plans a new round. The scenario is the configuration's where it names
// one.
func newPlan(service contest.Service, rules config.Criterion) (plan, error) {
	service.Scenario = cmp.Or(rules.Scenario, service.Scenario)
	if service.Load() && len(rules.Levels) == 0 {
		return plan{}, fmt.Errorf("%s has no levels of load to climb", service.Key)
	}
	return plan{service: service, criterion: rules, round: NewRound()}, nil
}

func refuseOpenRound(ctx context.Context, tx *store.Tx, p plan) error {
	open, err := tx.OpenRound(ctx, p.service.Key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case open == p.round:
		return store.ErrStale
	}
	return fmt.Errorf("%w (round %s)", ErrRoundOpen, open)
}

func rotate(teams []contest.Team, by int) []contest.Team {
	if len(teams) == 0 {
		return nil
	}
	by %= len(teams)
	return slices.Concat(teams[by:], teams[:by])
}

// planRound plans the climbs of all teams, and returns the round when it has
// ended already because there is nothing to climb.
func (l *Line) planRound(ctx context.Context, tx *store.Tx, p plan, teams []contest.Team) (*contest.Round, error) {
	err := tx.InsertRound(ctx, contest.Round{ID: p.round, Service: p.service.Key, StartedAt: tx.Now(), Teams: len(teams), Rerun: p.rerun})
	if err != nil {
		return nil, err
	}
	for i, team := range teams {
		if err := l.planTeam(ctx, tx, p, team, i); err != nil {
			return nil, fmt.Errorf("plan team %s: %w", team.Slug, err)
		}
	}
	if !p.service.Load() {
		if err := l.Wake.WakeLook(ctx, tx.SQL.Tx, p.round); err != nil {
			return nil, err
		}
	} else if err := l.dispatch(ctx, tx); err != nil {
		return nil, err
	}
	return tx.EndRound(ctx, p.round)
}

// planTeam plans a team's first run, or its verdict where there is nothing to measure.
func (l *Line) planTeam(ctx context.Context, tx *store.Tx, p plan, team contest.Team, position int) error {
	if !p.service.Load() {
		_, err := l.planClimb(ctx, tx, p, team, position)
		return err
	}
	if team.Endpoint == "" {
		v := verdict.NoData(team, p.service, "The team has given no endpoint.", tx.Now())
		v.Round = p.round
		return l.publish(ctx, tx, v, p.publish)
	}
	target, err := team.Target()
	if err != nil {
		v := verdict.Refused(team, p.service, fmt.Sprintf("The team's endpoint cannot be used: %v.", err), tx.Now())
		v.Round = p.round
		return l.publish(ctx, tx, v, p.publish)
	}
	climb, err := l.planClimb(ctx, tx, p, team, position)
	if err != nil {
		return err
	}
	next := verdict.Ladder(l.ladder(p.criterion), nil)
	return tx.InsertRun(ctx, newRun(tx, climb, p.service, target, next))
}

func (l *Line) planClimb(ctx context.Context, tx *store.Tx, p plan, team contest.Team, position int) (store.Climb, error) {
	cfg, err := json.Marshal(p.criterion)
	if err != nil {
		return store.Climb{}, fmt.Errorf("encode rules: %w", err)
	}
	climb := store.Climb{
		Climb:  contest.Climb{ID: contest.ClimbID(newID()), Round: p.round, Team: team, Criterion: p.service.Criterion},
		Levels: p.criterion.Levels, Position: position, Publish: p.publish,
		ConfigHash: store.Hash(cfg), Config: cfg, Env: p.criterion.Env,
	}
	return climb, tx.InsertClimb(ctx, climb)
}

func (l *Line) ladder(c config.Criterion) verdict.LadderConfig {
	return verdict.LadderConfig{Levels: c.Levels, Repeats: c.Repeats, Retries: l.limits.Retries, Score: c.Score, Rule: c.Rule}
}

func newRun(tx *store.Tx, c store.Climb, s contest.Service, target string, next verdict.Next) store.Run {
	return store.Run{
		Run: contest.Run{
			ID: contest.RunID(newID()), Round: c.Round, Climb: c.ID, Service: s.Key, Criterion: c.Criterion,
			Team: c.Team, Target: target, Scenario: s.Scenario,
			LevelNo: next.LevelNo, Level: c.Levels[next.LevelNo], Repeat: next.Repeat, Retry: next.Retry,
			Position: c.Position, State: contest.RunPlanned, PlannedAt: tx.Now(),
		},
		Env: scriptEnv(c, next.LevelNo), ConfigHash: c.ConfigHash,
	}
}

// scriptEnv is the environment that a scenario reads its level from.
func scriptEnv(c store.Climb, levelNo int) map[string]string {
	level := c.Levels[levelNo]
	env := map[string]string{
		"API_URL":   c.Team.Endpoint,
		"USERS":     fmt.Sprint(level.Users),
		"TIME_UNIT": level.Unit().String(),
		"RAMP":      level.Ramp.String(),
		"DURATION":  level.Duration.String(),
	}
	if level.UsersFile != "" {
		env["USERS_FILE"] = level.UsersFile
	}
	for k, v := range c.Env {
		env[k] = v
	}
	return env
}

// ByHand plans one climb of one team, outside any schedule. tellHub publishes its
// verdict. A service without a criterion gives none: its runs are only judged.
func (l *Line) ByHand(ctx context.Context, team contest.Team, service contest.Service, c config.Criterion, tellHub bool) (contest.RoundID, error) {
	p, err := newPlan(service, c)
	if err != nil {
		return "", fmt.Errorf("plan run by hand: %w", err)
	}
	if _, err := team.Target(); err != nil {
		return "", fmt.Errorf("plan run of %s: %w", p.service.Scenario, err)
	}
	p.publish = tellHub && service.Criterion != ""
	var ended *contest.Round
	err = l.Store.Write(ctx, func(tx *store.Tx) (err error) {
		ended, err = l.planRound(ctx, tx, p, []contest.Team{team})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("plan run of %s: %w", p.service.Scenario, err)
	}
	l.tell(ended)
	return p.round, nil
}
