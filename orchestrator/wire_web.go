package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/evidence"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// board is the present standing, read from the state. Teams are those of the
// newest verdicts, so that the page needs no Hub.
type board struct{ *works }

// Teams lists the teams that have a verdict or a run.
func (b board) Teams(ctx context.Context) ([]contest.Team, error) {
	verdicts, err := b.store.Verdicts(ctx)
	if err != nil {
		return nil, err
	}
	seen := map[contest.Slug]bool{}
	var teams []contest.Team
	add := func(t contest.Team) {
		if !seen[t.Slug] {
			seen[t.Slug] = true
			teams = append(teams, t)
		}
	}
	for _, v := range verdicts {
		add(v.Team.Shown())
	}
	runs, err := b.store.Runs(ctx, store.RunFilter{Limit: 500})
	for _, r := range runs {
		add(r.Team.Shown())
	}
	return teams, err
}

// Verdicts lists the newest verdict of each team and criterion, of now or until
// a time.
func (b board) Verdicts(ctx context.Context, until time.Time) ([]contest.Verdict, error) {
	if until.IsZero() {
		return b.store.Verdicts(ctx)
	}
	return b.store.VerdictsAt(ctx, until)
}

// Before lists the verdicts that those took the place of.
func (b board) Before(ctx context.Context, until time.Time) ([]contest.Verdict, error) {
	return b.store.VerdictsBefore(ctx, until)
}

// Waiting lists the runs that wait for their turn, in the order of the rounds.
func (p pulse) Waiting(ctx context.Context) (web.Waiting, error) {
	runs, err := p.store.RunsIn(ctx, "", contest.RunPlanned)
	if err != nil {
		return web.Waiting{}, err
	}
	slices.SortStableFunc(runs, func(a, b store.Run) int {
		return cmp.Or(cmp.Compare(a.Position, b.Position), a.PlannedAt.Compare(b.PlannedAt))
	})
	w := web.Waiting{Targets: p.line.Targets(), Closed: !p.line.LoadAllowed(time.Now())}
	for _, r := range runs {
		w.Runs = append(w.Runs, r.Shown())
	}
	return w, nil
}

// archive is every run, read from the state, as people may see it.
type archive struct{ *store.Store }

// Runs lists runs, newest first.
func (a archive) Runs(ctx context.Context, f web.RunFilter) ([]contest.Run, error) {
	runs, err := a.Store.Runs(ctx, store.RunFilter(f))
	for i := range runs {
		runs[i] = runs[i].Shown()
	}
	return runs, err
}

// Run finds a run with its evidence and verdict.
func (a archive) Run(ctx context.Context, id string) (web.RunRecord, error) {
	run, err := a.Store.Run(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return web.RunRecord{}, fmt.Errorf("%w: %w", web.ErrNotFound, err)
	}
	rec := web.RunRecord{Run: run.Run.Shown(), Script: run.Script}
	if err != nil || run.State != contest.RunJudged {
		return rec, err
	}
	sealed, err := a.Evidence(ctx, run.ID)
	if err != nil {
		return web.RunRecord{}, err
	}
	judged, err := a.RunVerdict(ctx, run.ID)
	if err != nil {
		return web.RunRecord{}, err
	}
	var e contest.Evidence
	if err := json.Unmarshal(sealed.JSON, &e); err != nil {
		return web.RunRecord{}, fmt.Errorf("decode evidence of run %s: %w", run.ID, err)
	}
	rec.Evidence, rec.EvidenceJSON, rec.EvidenceSHA256, rec.EvidenceParts = &e, sealed.JSON, sealed.SHA256, sealed.Parts
	rec.Verdict, rec.VerdictSHA256, rec.Rules, rec.RulesSHA256 = &judged.Verdict, judged.SHA256, judged.Rules, judged.RulesSHA256
	return rec, nil
}

// course asks the metric store how a run went over time, or goes. It answers
// nil when the store has nothing of it.
func (w *works) course(ctx context.Context, run contest.Run) (*contest.Course, error) {
	if run.LaunchedAt == nil {
		return nil, nil
	}
	span := evidence.Span{TestID: run.TestID, From: *run.LaunchedAt, To: time.Now()}
	if run.EndedAt != nil {
		span.To = *run.EndedAt
	}
	if span.To.Before(span.From) { // the clock was set back
		return nil, nil
	}
	courses, err := evidence.Courses(ctx, w.ranged, w.config.Load.PushInterval.D(), []evidence.Span{span})
	if course, ok := courses[run.TestID]; ok {
		return &course, err
	}
	return nil, err
}

// pulse is what the orchestrator knows of itself.
type pulse struct{ *works }

// healthRounds is how many of a service's last rounds its error rate counts.
const healthRounds = 20

// Health tells of every service, from its last rounds.
func (p pulse) Health(ctx context.Context) ([]contest.ServiceHealth, error) {
	var all []contest.ServiceHealth
	for _, s := range contest.Services() {
		rounds, err := p.store.Rounds(ctx, s.Key, healthRounds)
		if err != nil {
			return nil, err
		}
		all = append(all, healthOf(s, rounds))
	}
	return all, nil
}

// healthOf judges a service by its last rounds, newest first: healthy when the
// last one succeeded and few failed, unhealthy after three failures in a row.
func healthOf(s contest.Service, rounds []contest.Round) contest.ServiceHealth {
	h := contest.ServiceHealth{ServiceName: s.Name, Status: "healthy"}
	failed := 0
	for i, r := range rounds {
		if i == 0 {
			h.LastRunTime = &r.StartedAt
		}
		switch {
		case r.Error != "":
			failed++
			if h.LastSuccessTime == nil {
				h.ConsecutiveFailures++
			}
		case r.EndedAt != nil && h.LastSuccessTime == nil:
			h.LastSuccessTime = r.EndedAt
		}
	}
	if len(rounds) > 0 {
		h.ErrorRate = float64(failed) / float64(len(rounds))
	}
	switch {
	case h.ConsecutiveFailures >= 3:
		h.Status = "unhealthy"
	case h.ConsecutiveFailures > 0 || h.ErrorRate > 0.2:
		h.Status = "degraded"
	}
	return h
}

// Active lists the runs under load.
func (p pulse) Active(context.Context) ([]web.ActiveRun, error) {
	var all []web.ActiveRun
	for _, r := range p.line.Live().Runs() {
		r.Run = r.Run.Shown()
		all = append(all, web.ActiveRun(r))
	}
	return all, nil
}

// gauges reads what a scrape shows of the state.
func (w *works) gauges(ctx context.Context) (web.Gauges, error) {
	rows, err := w.store.Outbox(ctx)
	if err != nil {
		return web.Gauges{}, err
	}
	g := web.Gauges{OutboxRows: map[contest.OutboxState]int{}, ActiveRuns: len(w.line.Live().Runs()), InvalidStreaks: map[contest.ServiceKey]int{}}
	for _, r := range rows {
		g.OutboxRows[r.State]++
		if r.State == contest.OutboxPending {
			g.OutboxOldest = max(g.OutboxOldest, time.Since(r.CreatedAt))
		}
	}
	verdicts, err := w.store.Verdicts(ctx)
	if err != nil {
		return web.Gauges{}, err
	}
	for _, v := range verdicts {
		if conduct.InvalidStreak(v) {
			g.InvalidStreaks[v.Service]++
		}
	}
	g.Workload, err = w.workload(ctx)
	return g, err
}

// workload tells what waits and what is at work.
func (w *works) workload(ctx context.Context) (l web.Workload, err error) {
	depths, err := w.queue.Depths(ctx)
	if err != nil {
		return l, err
	}
	for _, d := range depths {
		l.Queue = append(l.Queue, web.QueueDepth(d))
	}
	l.LastRounds = map[contest.ServiceKey]web.LastRound{}
	for _, key := range w.services {
		rounds, err := w.store.Rounds(ctx, key, healthRounds)
		if err != nil {
			return l, err
		}
		l.LastRounds[key] = lastRound(rounds)
	}
	for _, r := range w.line.Live().Runs() {
		l.Requests += r.Progress.RPS
	}
	if w.line.Ceiling != nil {
		l.Ceiling = w.line.Ceiling.RPS
	}
	l.ConfigHash, err = w.config.Hash()
	return l, err
}

// lastRound finds the times in a service's rounds, newest first.
func lastRound(rounds []contest.Round) (last web.LastRound) {
	for i, r := range rounds {
		if i == 0 {
			last.Started = r.StartedAt
		}
		if r.EndedAt == nil {
			continue
		}
		if last.Ended.IsZero() {
			last.Ended = *r.EndedAt
		}
		if r.Error == "" && last.Succeeded.IsZero() {
			last.Succeeded = *r.EndedAt
		}
	}
	return last
}
