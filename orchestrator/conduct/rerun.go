package conduct

import (
	"context"
	"errors"
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/observe"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// Why a team cannot be measured once more now.
var (
	ErrUnderWay = errors.New("the team is being measured in this criterion already")
	ErrNoRoster = errors.New("the list of teams cannot be had now")
)

// Rerun is a team that is to be measured once more in a criterion.
type Rerun struct {
	Team      contest.Slug
	Criterion contest.Criterion
	Who, Why  string
}

// Rerun plans a round of one team in one criterion, ahead of the runs that wait,
// together with its line in the audit trail. Its verdict is published as any. It
// keeps no round of the service from beginning. A team that is being measured in
// this criterion is ErrUnderWay, one that takes no part ErrNoTeam.
func (l *Line) Rerun(ctx context.Context, r Rerun) (_ contest.RoundID, err error) {
	service, err := contest.FindService(string(r.Criterion))
	if err != nil {
		return "", err
	}
	p, err := l.planFor(service)
	if err != nil {
		return "", fmt.Errorf("measure %s again: %w", r.Team, err)
	}
	p.rerun = true
	ctx, planned := observe.Start(observe.About(ctx, observe.Subject{Round: p.round, Service: service.Key, Criterion: service.Criterion, Team: r.Team}), "plan")
	defer func() { planned(err) }()
	teams, err := l.Teams(ctx)
	if err != nil {
		return "", fmt.Errorf("measure %s again: %w: %w", r.Team, ErrNoRoster, err)
	}
	team, ok := find(teams, r.Team)
	if !ok {
		return "", fmt.Errorf("measure %s again: %w", r.Team, ErrNoTeam)
	}
	var ended *contest.Round
	err = l.Store.Write(ctx, func(tx *store.Tx) (err error) {
		switch _, err := tx.OpenClimb(ctx, team.Slug, service.Criterion); {
		case err == nil:
			return ErrUnderWay
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		if ended, err = l.planRound(ctx, tx, p, []contest.Team{team}); err != nil {
			return err
		}
		return tx.Audit(ctx, store.AuditEntry{Who: r.Who, What: "re-run", Why: r.Why, Subject: fmt.Sprintf("%s %s: round %s", r.Team, service.Criterion, p.round)})
	})
	if err != nil {
		return "", fmt.Errorf("measure %s again: %w", r.Team, err)
	}
	l.tell(ended)
	return p.round, nil
}
