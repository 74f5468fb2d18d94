package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

func TestVerdictsAreTheNewest(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	none, err := s.Verdicts(t.Context())
	require.NoError(t, err)
	require.Empty(t, none)

	teams := []contest.Slug{"A", "Z_9", "a", "b-1"} // as bytes sort
	criteria := []contest.Criterion{contest.ArchiveSearch, contest.CodeRepo, contest.EventSearch}
	at := time.UnixMilli(1_000_000).UTC()
	var want []contest.Verdict
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		for _, team := range teams {
			for _, c := range criteria {
				// The newest by its time, and of two at the same time the later written.
				for _, v := range []struct{ age, score int }{{1, 1}, {0, 2}, {0, 3}, {5, 4}} {
					verdict := aVerdict(team, v.score)
					verdict.Criterion, verdict.At = c, at.Add(-time.Duration(v.age)*time.Hour)
					if err := tx.InsertVerdict(ctx, verdict, v.score == 1); err != nil {
						return err
					}
					if v.score == 3 {
						want = append(want, verdict)
					}
				}
			}
		}
		return nil
	})
	got, err := s.Verdicts(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// What was shown at a time is found again, whatever came later: another verdict,
// one of before that stands again, a team that was not there yet.
func TestVerdictsAtATime(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	at := time.UnixMilli(1_000_000).UTC()
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		for _, v := range []struct {
			team       contest.Slug
			after      time.Duration
			score      int
			standingAt time.Duration
		}{
			{"good", -2 * time.Hour, 1, 0}, {"good", -time.Hour, 2, 0}, {"good", 0, 3, 0}, {"good", time.Millisecond, 4, 0},
			{"late", time.Hour, 5, 0}, {"slow", -time.Hour, 6, 0}, {"slow", -3 * time.Hour, 7, 2 * time.Hour},
		} {
			verdict := aVerdict(v.team, v.score)
			verdict.At = at.Add(v.after)
			var err error
			if v.standingAt == 0 {
				err = tx.InsertVerdict(ctx, verdict, true)
			} else {
				err = tx.InsertStanding(ctx, verdict, at.Add(v.standingAt))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	for after, want := range map[time.Duration]map[contest.Slug]int{
		-3 * time.Hour:   {},
		-time.Hour:       {"good": 2, "slow": 6},
		0:                {"good": 3, "slow": 6},
		time.Millisecond: {"good": 4, "slow": 6},
		2 * time.Hour:    {"good": 4, "late": 5, "slow": 7},
	} {
		found, err := s.VerdictsAt(t.Context(), at.Add(after))
		require.NoError(t, err)
		got := map[contest.Slug]int{}
		for _, v := range found {
			got[v.Team.Slug] = v.Score
		}
		require.Equal(t, want, got, after)
	}
	before, err := s.VerdictsBefore(t.Context(), at.Add(2*time.Hour))
	require.NoError(t, err)
	got := map[contest.Slug]int{}
	for _, v := range before {
		got[v.Team.Slug] = v.Score
	}
	require.Equal(t, map[contest.Slug]int{"good": 3, "slow": 6}, got, "a team that was measured once had none before")
	before, err = s.VerdictsBefore(t.Context(), at.Add(-time.Hour))
	require.NoError(t, err)
	require.Len(t, before, 1)
	require.Equal(t, 1, before[0].Score)
}

// A list of what was judged by a time is full, also where much came later.
func TestRunsJudgedByATime(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	plan(t, s, "a", "b", "c", "d", "e", "f")
	freeze := time.UnixMilli(2_000_000).UTC()
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		for n, judged := range map[int]time.Duration{0: -time.Hour, 1: 0, 3: time.Millisecond, 4: time.Hour} {
			before := aRun(n, string(rune('a'+n)))
			after := before
			ended, at := freeze.Add(-time.Minute), freeze.Add(judged)
			after.State, after.EndedAt, after.JudgedAt = contest.RunJudged, &ended, &at
			if n == 0 {
				after.EndedAt = nil // it never came to a load
			}
			if err := tx.Move(ctx, before, after); err != nil {
				return err
			}
		}
		return nil
	})
	for limit, want := range map[int][]contest.RunID{0: {"run-00001", "run-00000"}, 1: {"run-00001"}} {
		runs, err := s.Runs(t.Context(), store.RunFilter{JudgedBy: freeze, Limit: limit})
		require.NoError(t, err)
		var got []contest.RunID
		for _, r := range runs {
			got = append(got, r.ID)
		}
		require.Equal(t, want, got)
	}
}

func TestHasPublished(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		require.NoError(t, tx.InsertVerdict(ctx, aVerdict("good", 1), false))
		has, err := tx.HasPublished(ctx, "good", contest.EventSearch)
		require.NoError(t, err)
		require.False(t, has, "a verdict that the Hub was not told")
		require.NoError(t, tx.PutUpdate(ctx, anUpdate("good", 1)))
		for row, want := range map[contest.Slug]bool{"good": true, "slow": false} {
			has, err = tx.HasPublished(ctx, row, contest.EventSearch)
			require.NoError(t, err)
			require.Equal(t, want, has, row)
		}
		has, err = tx.HasPublished(ctx, "good", contest.TicketBooking)
		require.False(t, has)
		return err
	})
}

// judge takes a planned run to its verdict.
func judge(ctx context.Context, tx *store.Tx, r store.Run, samples float64) error {
	next := r
	next.State, next.Outcome = contest.RunJudged, contest.OutcomePassed
	if err := tx.Move(ctx, r, next); err != nil {
		return err
	}
	doc, err := json.Marshal(contest.Evidence{Version: contest.EvidenceVersion, Run: r.ID, Counts: []contest.Count{{Name: "http_reqs", Value: samples}}})
	if err != nil {
		return err
	}
	sealed := store.SealedEvidence{JSON: doc, SHA256: store.Hash(doc), Parts: map[string]string{"counts": "x"}}
	if err := tx.InsertEvidence(ctx, r.ID, sealed); err != nil {
		return err
	}
	v := contest.RunVerdict{Outcome: contest.OutcomePassed, Findings: []contest.Finding{{Rule: "delivered", Value: samples}}}
	return tx.InsertRunVerdict(ctx, r.ID, v, json.RawMessage(`{"a":1}`), sealed.SHA256)
}

func TestEvidenceIsImmutable(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	plan(t, s, "a:80")
	run := aRun(0, "a:80")
	write(t, s, func(ctx context.Context, tx *store.Tx) error { return judge(ctx, tx, run, 7) })
	before, err := s.Evidence(t.Context(), run.ID)
	require.NoError(t, err)
	require.Equal(t, store.Hash(before.JSON), before.SHA256)
	require.Equal(t, map[string]string{"counts": "x"}, before.Parts)

	err = s.Write(t.Context(), func(tx *store.Tx) error { return tx.InsertEvidence(t.Context(), run.ID, store.SealedEvidence{}) })
	require.ErrorContains(t, err, "insert evidence of run run-00000")
	err = s.Write(t.Context(), func(tx *store.Tx) error {
		return tx.InsertRunVerdict(t.Context(), run.ID, contest.RunVerdict{}, nil, "")
	})
	require.ErrorContains(t, err, "insert verdict of run run-00000")
	after, err := s.Evidence(t.Context(), run.ID)
	require.NoError(t, err)
	require.Equal(t, before, after)

	err = s.Write(t.Context(), func(tx *store.Tx) error { return tx.InsertEvidence(t.Context(), "unknown", before) })
	require.ErrorContains(t, err, foreignKey)
	_, err = s.Evidence(t.Context(), "unknown")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.RunVerdict(t.Context(), "unknown")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.VerdictHash(t.Context(), "unknown")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestRunVerdictShowsTampering(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	plan(t, s, "a:80")
	write(t, s, func(ctx context.Context, tx *store.Tx) error { return judge(ctx, tx, aRun(0, "a:80"), 7) })
	j, err := s.RunVerdict(t.Context(), "run-00000")
	require.NoError(t, err)
	require.Equal(t, contest.OutcomePassed, j.Verdict.Outcome)
	require.JSONEq(t, `{"a":1}`, string(j.Rules))
	require.Equal(t, store.Hash(j.Rules), j.RulesSHA256)
	hash, err := s.VerdictHash(t.Context(), "run-00000")
	require.NoError(t, err)
	require.Equal(t, j.SHA256, hash)

	for _, doc := range []string{`{"outcome":"failed"}`, `no JSON at all`} {
		write(t, s, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.SQL.ExecContext(ctx, `UPDATE run_verdicts SET doc = ?`, doc)
			return err
		})
		j, err = s.RunVerdict(t.Context(), "run-00000")
		require.NoError(t, err, "it is for explain to say what does not fit")
		hash, err = s.VerdictHash(t.Context(), "run-00000")
		require.NoError(t, err)
		require.NotEqual(t, j.SHA256, hash)
	}
}

func TestJudgedRunsOfAClimb(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	plan(t, s, "a:80")
	write(t, s, func(ctx context.Context, tx *store.Tx) error {
		for level := 2; level > 0; level-- { // not in the order of the ladder
			r := aRun(0, "a:80")
			r.ID, r.LevelNo = contest.RunID(fmt.Sprint("level-", level)), level
			if err := tx.InsertRun(ctx, r); err != nil {
				return err
			}
			if err := judge(ctx, tx, r, float64(level)); err != nil {
				return err
			}
		}
		judged, err := tx.Judged(ctx, climbID(0))
		require.Len(t, judged, 2, "the planned one is left out")
		for i, j := range judged {
			require.Equal(t, i+1, j.Run.LevelNo)
			require.Equal(t, contest.RunJudged, j.Run.State)
			require.InDelta(t, float64(i+1), j.Evidence.Count("http_reqs"), 0)
			require.InDelta(t, float64(i+1), j.Verdict.Findings[0].Value, 0)
		}
		return err
	})
}

// What was read before is remembered: it must be what a store that remembers
// nothing reads, also when the number of a row is given again.
func TestVerdictsAreThoseOfNow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), dir)
	require.NoError(t, err)
	defer s.Close()
	at := time.UnixMilli(1_000_000_000_000).UTC()
	standing := func() (scores string) {
		now, err := s.Verdicts(t.Context())
		require.NoError(t, err)
		before, err := s.VerdictsBefore(t.Context(), time.Time{})
		require.NoError(t, err)
		then, err := s.VerdictsAt(t.Context(), at)
		require.NoError(t, err)
		for _, v := range slices.Concat(now, before, then) {
			scores += fmt.Sprint(v.Team.Slug, v.Score, " ")
		}
		for _, vs := range [][]contest.Verdict{now, before, then} {
			clear(vs) // the answer is the caller's
		}
		return scores
	}
	put := func(team contest.Slug, score int, at time.Time) {
		v := aVerdict(team, score)
		v.At = at
		write(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.InsertVerdict(ctx, v, false) })
	}
	require.Empty(t, standing())
	put("good", 1, at)
	require.Equal(t, "good1 good1 ", standing())
	require.Equal(t, "good1 good1 ", standing(), "asked again")
	put("good", 2, at.Add(time.Second))
	require.Equal(t, "good2 good1 good1 ", standing())
	put("slow", 3, at)
	require.Equal(t, "good2 slow3 good1 good1 slow3 ", standing())
	_, err = s.DB().ExecContext(t.Context(), `DELETE FROM verdicts WHERE slug = 'slow'`)
	require.NoError(t, err)
	put("good", 4, at.Add(time.Minute)) // under the number of the one that is gone
	require.Equal(t, "good4 good2 good1 ", standing())
	put("good", 5, at.Add(-time.Minute)) // an older one comes late
	require.Equal(t, "good4 good2 good1 ", standing())
}
