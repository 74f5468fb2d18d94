package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Pruned is how much Prune has deleted.
type Pruned struct{ Climbs, Verdicts, Rounds int }

const (
	pruneBatch = 50 // climbs in one transaction, which others wait for
	keepRounds = 20 // of each service, whatever their age: its health is told from them
)

// Age tells what is too old to be kept.
type Age struct {
	Before time.Time
	Freeze time.Time // results are shown as they were then; zero: as they are
}

// Prune deletes the rounds that ended before a time, with their climbs, runs
// and evidence, and the verdicts of before it, in many short transactions. It
// keeps each team's newest verdict in a criterion, the newest at the freeze, the
// verdict that the Hub holds, and all that they stand on; and everything of a team and criterion
// under an override, or whose update is not known to be in the Hub. The audit
// trail, overrides and the outbox are not touched. It may be called again
// after any failure.
func (s *Store) Prune(ctx context.Context, a Age) (Pruned, error) {
	var p Pruned
	err := s.pruneClimbs(ctx, a, &p)
	if err == nil {
		err = s.pruneVerdicts(ctx, a, &p)
	}
	if err == nil {
		err = s.pruneRounds(ctx, a.Before, &p)
	}
	return p, wrap("prune history", err)
}

// pair is a team in a criterion.
type pair struct {
	team      contest.Slug
	criterion contest.Criterion
}

// held is what of a pair must stay.
type held struct {
	all    bool
	seqs   []any // of verdicts
	climbs map[contest.ClimbID]bool
	runs   map[contest.RunID]bool
}

// behind finds out what of a pair must stay.
func (tx *Tx) behind(ctx context.Context, p pair, freeze time.Time) (held, error) {
	h := held{climbs: map[contest.ClimbID]bool{}, runs: map[contest.RunID]bool{}}
	_, err := tx.Override(ctx, p.team, p.criterion)
	if err == nil {
		h.all = true
		return h, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return h, err
	}
	// The newest that is shown, and the last that was told: they differ where
	// the newest was not to be told.
	const (
		shown = ` ORDER BY at DESC, seq DESC LIMIT 1`
		told  = ` AND published = 1 ORDER BY seq DESC LIMIT 1`
	)
	if !freeze.IsZero() {
		if _, err := tx.keepVerdict(ctx, p, ` AND at <= `+strconv.FormatInt(millis(freeze), 10)+shown, &h); err != nil {
			return h, err
		}
	}
	if _, err := tx.keepVerdict(ctx, p, shown, &h); err != nil {
		return h, err
	}
	ever, err := tx.keepVerdict(ctx, p, told, &h)
	if err != nil || !ever {
		return h, err
	}
	var state contest.OutboxState
	err = tx.SQL.QueryRowContext(ctx, `SELECT state FROM outbox WHERE slug = ? AND criterion = ?`, p.team, p.criterion).Scan(&state)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return h, err
	}
	h.all = state != contest.OutboxSent // the Hub holds an earlier one: nobody knows which
	return h, nil
}

// keepVerdict adds the verdict that rest selects, and what it stands on.
func (tx *Tx) keepVerdict(ctx context.Context, p pair, rest string, h *held) (found bool, err error) {
	var seq int64
	var climb contest.ClimbID
	var doc string
	err = tx.SQL.QueryRowContext(ctx, `SELECT seq, climb_id, doc FROM verdicts WHERE slug = ? AND criterion = ?`+rest,
		p.team, p.criterion).Scan(&seq, &climb, &doc)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	v, err := decode[contest.Verdict](doc)
	if err != nil {
		return false, err
	}
	h.seqs = append(h.seqs, seq)
	h.climbs[climb] = true
	for _, id := range v.Runs {
		h.runs[id] = true
	}
	return true, nil
}

// oldClimb is a climb of a round that ended before the time.
type oldClimb struct {
	id contest.ClimbID
	pair
}

func (s *Store) pruneClimbs(ctx context.Context, a Age, p *Pruned) error {
	for after, more := contest.ClimbID(""), true; more; {
		err := s.Write(ctx, func(tx *Tx) error {
			batch, err := tx.oldClimbs(ctx, a.Before, after)
			if err != nil || len(batch) == 0 {
				more = false
				return err
			}
			after = batch[len(batch)-1].id
			n, err := tx.deleteClimbs(ctx, batch, a.Freeze)
			p.Climbs += n
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) oldClimbs(ctx context.Context, before time.Time, after contest.ClimbID) ([]oldClimb, error) {
	rows, err := tx.SQL.QueryContext(ctx, `SELECT climbs.id, slug, criterion FROM climbs JOIN rounds ON rounds.id = climbs.round_id
		WHERE rounds.ended_at < ? AND climbs.id > ? ORDER BY climbs.id LIMIT ?`, millis(before), after, pruneBatch)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []oldClimb
	for rows.Next() {
		var c oldClimb
		if err := rows.Scan(&c.id, &c.team, &c.criterion); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// deleteClimbs deletes those of the climbs that nothing holds.
func (tx *Tx) deleteClimbs(ctx context.Context, climbs []oldClimb, freeze time.Time) (n int, err error) {
	known := map[pair]held{}
	for _, c := range climbs {
		h, ok := known[c.pair]
		if !ok {
			if h, err = tx.behind(ctx, c.pair, freeze); err != nil {
				return n, err
			}
			known[c.pair] = h
		}
		stays, err := tx.stays(ctx, c, h)
		if err != nil {
			return n, err
		}
		if stays {
			continue
		}
		if err := tx.deleteClimb(ctx, c.id); err != nil {
			return n, fmt.Errorf("delete climb %s: %w", c.id, err)
		}
		n++
	}
	return n, nil
}

func (tx *Tx) stays(ctx context.Context, c oldClimb, h held) (bool, error) {
	if h.all || h.climbs[c.id] {
		return true, nil
	}
	if len(h.runs) == 0 {
		return false, nil
	}
	runs, err := tx.ClimbRuns(ctx, c.id)
	for _, r := range runs {
		if h.runs[r.ID] {
			return true, err
		}
	}
	return false, err
}

func (tx *Tx) deleteClimb(ctx context.Context, id contest.ClimbID) error {
	for _, statement := range []string{
		`DELETE FROM evidence WHERE run_id IN (SELECT id FROM runs WHERE climb_id = ?)`,
		`DELETE FROM run_verdicts WHERE run_id IN (SELECT id FROM runs WHERE climb_id = ?)`,
		`DELETE FROM runs WHERE climb_id = ?`,
		`DELETE FROM climbs WHERE id = ?`,
	} {
		if _, err := tx.SQL.ExecContext(ctx, statement, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) pruneVerdicts(ctx context.Context, a Age, p *Pruned) error {
	pairs, err := s.judgedPairs(ctx)
	if err != nil {
		return err
	}
	for _, of := range pairs {
		err := s.Write(ctx, func(tx *Tx) error {
			h, err := tx.behind(ctx, of, a.Freeze)
			if err != nil || h.all {
				return err
			}
			args := append([]any{of.team, of.criterion, millis(a.Before)}, h.seqs...)
			n, err := affected(tx.SQL.ExecContext(ctx, `DELETE FROM verdicts WHERE slug = ? AND criterion = ? AND at < ?
				AND seq NOT IN (`+marks(len(h.seqs))+`)`, args...))
			p.Verdicts += n
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) judgedPairs(ctx context.Context) ([]pair, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT DISTINCT slug, criterion FROM verdicts`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []pair
	for rows.Next() {
		var p pair
		if err := rows.Scan(&p.team, &p.criterion); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

// pruneRounds deletes the rounds that nothing is left of, in one statement for
// each service: rounds are few.
func (s *Store) pruneRounds(ctx context.Context, before time.Time, p *Pruned) error {
	for _, service := range contest.Services() {
		err := s.Write(ctx, func(tx *Tx) error {
			n, err := affected(tx.SQL.ExecContext(ctx, `DELETE FROM rounds WHERE service = ? AND ended_at < ?
				AND started_at < (SELECT min(started_at) FROM (SELECT started_at FROM rounds WHERE service = ? ORDER BY started_at DESC LIMIT ?) AS newest)
				AND NOT EXISTS (SELECT 1 FROM climbs WHERE climbs.round_id = rounds.id)
				AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.round_id = rounds.id)
				AND NOT EXISTS (SELECT 1 FROM verdicts WHERE verdicts.round_id = rounds.id)`,
				service.Key, millis(before), service.Key, keepRounds))
			p.Rounds += n
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// affected returns how many rows a statement changed.
func affected(res sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}
