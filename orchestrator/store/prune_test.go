package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// history plays a contest over days, and knows what the Hub has taken.
type history struct {
	t     *testing.T
	s     *store.Store
	rand  *rand.Rand
	now   time.Time
	n     int
	all   []past
	row   map[string]int   // the verdict behind each row of the outbox
	hub   map[string][]int // the verdicts whose content the Hub holds
	under map[string]bool  // an override

	freeze time.Time // zero: none
}

// past is a verdict of the history.
type past struct {
	contest.Verdict
	published bool
}

var historyTeams = []contest.Slug{"good", "slow"}

func newHistory(t *testing.T, seed uint64) *history {
	return &history{t: t, s: fresh(t), rand: rand.New(rand.NewPCG(seed, 1)), now: time.UnixMilli(1_000_000_000_000).UTC(),
		row: map[string]int{}, hub: map[string][]int{}, under: map[string]bool{}}
}

func pairOf(v contest.Verdict) string { return string(v.Team.Slug) + " " + string(v.Criterion) }

// round measures both teams, and ends.
func (h *history) round() {
	h.n++
	round := contest.RoundID(fmt.Sprintf("round-%05d", h.n))
	write(h.t, h.s, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.InsertRound(ctx, contest.Round{ID: round, Service: contest.SearchTesting, StartedAt: h.now, EndedAt: &h.now, Teams: 2}); err != nil {
			return err
		}
		for i, team := range historyTeams {
			if err := h.measure(ctx, tx, round, team, 10*h.n+i); err != nil {
				return err
			}
		}
		return nil
	})
}

func (h *history) measure(ctx context.Context, tx *store.Tx, round contest.RoundID, team contest.Slug, n int) error {
	climb, run := aClimb(n), aRun(n, "target")
	climb.Round, climb.Team.Slug, run.Round, run.Team.Slug = round, team, round, team
	if err := tx.InsertClimb(ctx, climb); err != nil {
		return err
	}
	if err := tx.InsertRun(ctx, run); err != nil {
		return err
	}
	if err := judge(ctx, tx, run, float64(n)); err != nil {
		return err
	}
	if err := tx.EndClimb(ctx, climb.ID); err != nil {
		return err
	}
	v := aVerdict(team, h.rand.IntN(3))
	v.Round, v.Climb, v.Runs = round, climb.ID, []contest.RunID{run.ID}
	v.At = h.now.Add(-time.Duration(h.rand.IntN(10)) * time.Hour) // not always in the order of writing
	if old := h.of(pairOf(v)); len(old) > 0 && h.rand.IntN(3) == 0 {
		v.Runs = append(v.Runs, old[h.rand.IntN(len(old))].Runs[0]) // the best result was an earlier one
	}
	return h.tell(ctx, tx, past{v, !h.under[pairOf(v)] && h.rand.IntN(4) > 0})
}

// of lists the verdicts of a pair whose runs are all there.
func (h *history) of(pair string) (some []past) {
	for _, p := range h.all {
		if pairOf(p.Verdict) == pair {
			some = append(some, p)
		}
	}
	return some
}

func (h *history) tell(ctx context.Context, tx *store.Tx, p past) error {
	h.all = append(h.all, p)
	if err := tx.InsertVerdict(ctx, p.Verdict, p.published); err != nil || !p.published {
		return err
	}
	pair, last := pairOf(p.Verdict), len(h.all)-1
	if holds := h.hub[pair]; len(holds) > 0 && h.all[holds[0]].Score == p.Score && h.row[pair] == holds[len(holds)-1] {
		h.hub[pair] = append(holds, last) // nothing changes for the Hub
	}
	h.row[pair] = last
	return tx.PutUpdate(ctx, anUpdate(p.Team.Slug, p.Score))
}

// flush sends what waits; the Hub takes it, refuses it, or its answer is lost.
func (h *history) flush() {
	rows, err := h.s.Outbox(h.t.Context(), contest.OutboxPending)
	require.NoError(h.t, err)
	for _, r := range rows {
		pair := string(r.Update.TeamSlug) + " " + string(r.Update.CriteriaType)
		st := store.Settlement{Team: r.Update.TeamSlug, Criterion: r.Update.CriteriaType, Version: r.Version, DueAt: r.DueAt, At: h.now}
		fate := h.rand.IntN(6)
		if fate > 1 { // it arrives
			h.hub[pair] = []int{h.row[pair]}
		}
		switch fate {
		case 0:
			st.State, st.Error = contest.OutboxParked, "no"
		case 1, 2:
			continue
		default:
			st.State = contest.OutboxSent
		}
		write(h.t, h.s, func(ctx context.Context, tx *store.Tx) error { return tx.SettleUpdate(ctx, st) })
	}
}

// operate overrides a team's verdict, lifts that again, or gives a parked one up.
func (h *history) operate() {
	team := historyTeams[h.rand.IntN(2)]
	pair := string(team) + " " + string(contest.EventSearch)
	write(h.t, h.s, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Audit(ctx, store.AuditEntry{Who: "op", What: "operate", Subject: pair, Why: "test"}); err != nil {
			return err
		}
		switch {
		case h.under[pair]:
			h.under[pair] = false
			return tx.DropOverride(ctx, team, contest.EventSearch)
		case h.rand.IntN(2) == 0:
			h.under[pair] = true
			v := aVerdict(team, 9)
			v.At = h.now
			if old := h.of(pair); len(old) > 0 {
				v.Runs = old[len(old)-1].Runs
			}
			if err := tx.PutOverride(ctx, store.Override{Verdict: v, Who: "op", Why: "test"}); err != nil {
				return err
			}
			return h.tell(ctx, tx, past{v, true})
		}
		_ = tx.DropUpdate(ctx, team, contest.EventSearch) // where it is parked
		return nil
	})
}

func (h *history) count(query string) (n int) {
	require.NoError(h.t, h.s.DB().QueryRowContext(h.t.Context(), query).Scan(&n))
	return n
}

// whole reports whether a verdict is there with all that it stands on.
func (h *history) whole(i int) bool {
	v := h.all[i].Verdict
	if h.count(fmt.Sprintf(`SELECT count(*) FROM verdicts WHERE slug = '%s' AND at = %d AND round_id = '%s'`, v.Team.Slug, v.At.UnixMilli(), v.Round)) == 0 {
		return false
	}
	if v.Round != "" && h.count(fmt.Sprintf(`SELECT count(*) FROM climbs JOIN rounds ON rounds.id = climbs.round_id WHERE climbs.id = '%s' AND rounds.id = '%s'`, v.Climb, v.Round)) == 0 {
		return false
	}
	for _, id := range v.Runs {
		_, noEvidence := h.s.Evidence(h.t.Context(), id)
		_, noVerdict := h.s.RunVerdict(h.t.Context(), id)
		_, noRun := h.s.Run(h.t.Context(), string(id))
		if noEvidence != nil || noVerdict != nil || noRun != nil {
			return false
		}
	}
	return true
}

// TestPruneKeepsWhatTheHubHolds prunes many random histories again and again.
func TestPruneKeepsWhatTheHubHolds(t *testing.T) {
	t.Parallel()
	deleted := store.Pruned{}
	for seed := range uint64(5) {
		h := newHistory(t, seed)
		for n := range 60 {
			h.now = h.now.Add(6 * time.Hour)
			if n == 20 {
				h.freeze = h.now
			}
			h.round()
			if h.rand.IntN(2) == 0 {
				h.flush()
			}
			if h.rand.IntN(6) == 0 {
				h.operate()
			}
			if h.rand.IntN(8) == 0 {
				before := h.now.Add(-3 * 24 * time.Hour)
				p := h.prune(before)
				deleted.Climbs, deleted.Verdicts, deleted.Rounds = deleted.Climbs+p.Climbs, deleted.Verdicts+p.Verdicts, deleted.Rounds+p.Rounds
			}
		}
	}
	require.Greater(t, deleted.Climbs, 50)
	require.Greater(t, deleted.Verdicts, 50)
	require.Greater(t, deleted.Rounds, 20)
}

// prune prunes, and holds what must and what must not be there.
func (h *history) prune(before time.Time) store.Pruned {
	audited, overridden := h.count(`SELECT count(*) FROM audit`), h.count(`SELECT count(*) FROM overrides`)
	outbox, err := h.s.Outbox(h.t.Context())
	require.NoError(h.t, err)
	frozen, err := h.s.VerdictsAt(h.t.Context(), h.freeze)
	require.NoError(h.t, err)
	p, err := h.s.Prune(h.t.Context(), store.Age{Before: before, Freeze: h.freeze})
	require.NoError(h.t, err)
	still, err := h.s.VerdictsAt(h.t.Context(), h.freeze)
	require.NoError(h.t, err)
	require.Equal(h.t, frozen, still, "what is shown since the freeze")
	for _, v := range frozen {
		for _, id := range v.Runs {
			_, err := h.s.Evidence(h.t.Context(), id)
			require.NoError(h.t, err, "the evidence behind it")
		}
	}
	for pair, holds := range h.hub {
		kept := false
		for _, i := range holds {
			kept = kept || h.whole(i)
		}
		require.True(h.t, kept, "%s: what the Hub holds", pair)
	}
	for i, v := range h.all {
		if !v.At.Before(before) && v.Round != "" && len(v.Runs) == 1 { // its own
			require.True(h.t, h.whole(i), "what is recent stays")
		}
	}
	require.Equal(h.t, audited, h.count(`SELECT count(*) FROM audit`))
	require.Equal(h.t, overridden, h.count(`SELECT count(*) FROM overrides`))
	after, err := h.s.Outbox(h.t.Context())
	require.NoError(h.t, err)
	require.Equal(h.t, outbox, after)
	again, err := h.s.Prune(h.t.Context(), store.Age{Before: before, Freeze: h.freeze})
	require.NoError(h.t, err)
	require.Equal(h.t, store.Pruned{}, again, "nothing is left to delete")
	h.forget()
	return p
}

// forget takes what is gone out of the history, so that nothing is built on it.
func (h *history) forget() {
	for i := range h.all {
		if !h.whole(i) {
			h.all[i].Team.Slug = "gone"
		}
	}
}

func TestPruneDeletesTheRest(t *testing.T) {
	t.Parallel()
	h := newHistory(t, 1)
	var v contest.Verdict
	for range 30 { // the Hub takes each
		h.now = h.now.Add(time.Hour)
		h.n++
		write(t, h.s, func(ctx context.Context, tx *store.Tx) error {
			round := contest.RoundID(fmt.Sprintf("round-%05d", h.n))
			if err := tx.InsertRound(ctx, contest.Round{ID: round, Service: contest.SearchTesting, StartedAt: h.now, EndedAt: &h.now}); err != nil {
				return err
			}
			climb, run := aClimb(h.n), aRun(h.n, "target")
			climb.Round, run.Round = round, round
			require.NoError(t, tx.InsertClimb(ctx, climb))
			require.NoError(t, tx.InsertRun(ctx, run))
			require.NoError(t, judge(ctx, tx, run, 1))
			v = aVerdict("good", h.n)
			v.Round, v.Climb, v.Runs, v.At = round, climb.ID, []contest.RunID{run.ID}, h.now
			require.NoError(t, tx.InsertVerdict(ctx, v, true))
			require.NoError(t, tx.PutUpdate(ctx, anUpdate("good", h.n)))
			return tx.SettleUpdate(ctx, store.Settlement{Team: "good", Criterion: contest.EventSearch, Version: int64(h.n), State: contest.OutboxSent, At: h.now})
		})
	}
	p, err := h.s.Prune(t.Context(), store.Age{Before: h.now.Add(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, store.Pruned{Climbs: 29, Verdicts: 29, Rounds: 10}, p, "the last round, and twenty for the service's health")
	for _, table := range []string{"climbs", "runs", "evidence", "run_verdicts", "verdicts"} {
		require.Equal(t, 1, h.count(`SELECT count(*) FROM `+table), table)
	}
	newest, err := h.s.Verdicts(t.Context())
	require.NoError(t, err)
	require.Equal(t, []contest.Verdict{v}, newest)
}

func TestPruneLeavesOpenRounds(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	plan(t, s, "a", "b")
	p, err := s.Prune(t.Context(), store.Age{Before: time.Now().Add(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, store.Pruned{}, p)
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Prune(stopped, store.Age{Before: time.Now()})
	require.ErrorIs(t, err, context.Canceled)
}
