package conduct

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/verdict"
)

// ErrRoundOpen means that a service's last round has not ended, so this firing
// is skipped.
var ErrRoundOpen = errors.New("the service's last round is still under way")

// Begin plans a round of a service over all teams. The order of the teams
// rotates from round to round, so that no team is always first or last.
func (l *Line) Begin(ctx context.Context, key contest.ServiceKey) (contest.RoundID, error) {
	service, err := contest.FindService(string(key))
	if err != nil {
		return "", err
	}
	rules, ok := l.Criterion(service.Criterion)
	if !ok {
		return "", fmt.Errorf("begin round of %s: the contest has no rules for %s", key, service.Criterion)
	}
	teams, err := l.Teams(ctx)
	if err != nil {
		err = fmt.Errorf("begin round of %s: list teams: %w", key, err)
		return "", errors.Join(err, l.recordFailure(ctx, key, err))
	}
	before, err := l.Store.CountRounds(ctx, key)
	if err != nil {
		return "", err
	}
	round := contest.Round{ID: contest.RoundID(newID()), Service: key, StartedAt: time.Now(), Teams: len(teams)}
	p := plan{service: service, criterion: rules, round: round.ID, publish: true}
	err = l.Store.Write(ctx, func(tx *store.Tx) error {
		if err := refuseOpenRound(ctx, tx, key); err != nil {
			return err
		}
		return l.planRound(ctx, tx, round, p, rotate(teams, before))
	})
	if err != nil {
		return "", fmt.Errorf("begin round of %s: %w", key, err)
	}
	l.Observe.UpdateQueued()
	return round.ID, nil
}

// recordFailure keeps a round that could not begin, for the service's health.
func (l *Line) recordFailure(ctx context.Context, key contest.ServiceKey, cause error) error {
	now := time.Now()
	return l.Store.Write(ctx, func(tx *store.Tx) error {
		return tx.InsertRound(ctx, contest.Round{
			ID: contest.RoundID(newID()), Service: key, StartedAt: now, EndedAt: &now, Error: cause.Error(),
		})
	})
}

// plan is what the climbs of one round have in common.
type plan struct {
	service   contest.Service
	criterion config.Criterion
	round     contest.RoundID
	publish   bool
}

func refuseOpenRound(ctx context.Context, tx *store.Tx, key contest.ServiceKey) error {
	open, err := tx.OpenRound(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
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

func (l *Line) planRound(ctx context.Context, tx *store.Tx, round contest.Round, p plan, teams []contest.Team) error {
	if err := tx.InsertRound(ctx, round); err != nil {
		return err
	}
	for i, team := range teams {
		if err := l.planTeam(ctx, tx, p, team, i); err != nil {
			return fmt.Errorf("plan team %s: %w", team.Slug, err)
		}
	}
	if err := l.endRound(ctx, tx, round.ID); err != nil {
		return err
	}
	return l.dispatch(ctx, tx)
}

// planTeam plans a team's first run, or its verdict where there is nothing to measure.
func (l *Line) planTeam(ctx context.Context, tx *store.Tx, p plan, team contest.Team, position int) error {
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
	cfg, err := json.Marshal(p.criterion)
	if err != nil {
		return fmt.Errorf("encode rules: %w", err)
	}
	climb := store.Climb{
		Climb:  contest.Climb{ID: contest.ClimbID(newID()), Round: p.round, Team: team, Criterion: p.service.Criterion},
		Levels: p.criterion.Levels, Position: position, Publish: p.publish,
		ConfigHash: store.Hash(cfg), Config: cfg, Env: p.criterion.Env,
	}
	if err := tx.InsertClimb(ctx, climb); err != nil {
		return err
	}
	next := verdict.Ladder(l.ladder(p.criterion), nil)
	return tx.InsertRun(ctx, newRun(tx, climb, p.service, target, next))
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

// publish writes a verdict and, where the Hub is to be told, its update.
func (l *Line) publish(ctx context.Context, tx *store.Tx, v contest.Verdict, tellHub bool) error {
	if tellHub && v.Invalid {
		// What could not be measured never overwrites what was.
		earlier, err := tx.HasPublished(ctx, v.Team.Slug, v.Criterion)
		if err != nil {
			return err
		}
		tellHub = !earlier
	}
	if err := tx.InsertVerdict(ctx, v, tellHub); err != nil {
		return err
	}
	if !tellHub {
		return nil
	}
	u, err := v.Update()
	if err != nil {
		return err
	}
	return tx.PutUpdate(ctx, u)
}

func (l *Line) endRound(ctx context.Context, tx *store.Tx, id contest.RoundID) error {
	round, err := tx.EndRound(ctx, id)
	if err != nil || round == nil {
		return err
	}
	l.Observe.RoundEnded(*round)
	return nil
}

// ByHand plans one run against one target, outside any schedule. tellHub
// publishes its verdict.
func (l *Line) ByHand(ctx context.Context, team contest.Team, service contest.Service, c config.Criterion, tellHub bool) (contest.RoundID, error) {
	round := contest.Round{ID: contest.RoundID(newID()), Service: service.Key, StartedAt: time.Now(), Teams: 1}
	p := plan{service: service, criterion: c, round: round.ID, publish: tellHub}
	err := l.Store.Write(ctx, func(tx *store.Tx) error {
		return l.planRound(ctx, tx, round, p, []contest.Team{team})
	})
	if err != nil {
		return "", fmt.Errorf("plan run of %s: %w", service.Scenario, err)
	}
	return round.ID, nil
}
