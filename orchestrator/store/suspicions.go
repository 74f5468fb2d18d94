package store

import (
	"context"
	"fmt"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Suspect writes a suspicion down. One that is known already is renewed: its
// sentence, run and time are the newest, and it counts how often it was seen.
func (tx *Tx) Suspect(ctx context.Context, s contest.Suspicion) error {
	_, err := tx.SQL.ExecContext(ctx, `INSERT INTO suspicions (slug, criterion, kind, other, run_id, sentence, since, at, times)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)
		ON CONFLICT (slug, criterion, kind, other) DO UPDATE SET run_id = excluded.run_id, sentence = excluded.sentence,
			at = excluded.at, times = suspicions.times + 1`,
		s.Team, s.Criterion, s.Kind, s.Other, s.Run, s.Sentence, millis(s.At), millis(s.At))
	return wrap("write suspicion of team "+string(s.Team), err)
}

// Suspicions returns all suspicions, those seen last first.
func (s *Store) Suspicions(ctx context.Context) ([]contest.Suspicion, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT slug, criterion, kind, other, run_id, sentence, since, at, times
		FROM suspicions ORDER BY at DESC, slug, criterion, kind, other`)
	if err != nil {
		return nil, fmt.Errorf("read suspicions: %w", err)
	}
	defer rows.Close()
	var all []contest.Suspicion
	for rows.Next() {
		var one contest.Suspicion
		var since, at int64
		if err := rows.Scan(&one.Team, &one.Criterion, &one.Kind, &one.Other, &one.Run, &one.Sentence, &since, &at, &one.Times); err != nil {
			return nil, fmt.Errorf("read suspicions: %w", err)
		}
		one.Since, one.At = time.UnixMilli(since).UTC(), time.UnixMilli(at).UTC()
		all = append(all, one)
	}
	return all, wrap("read suspicions", rows.Err())
}
