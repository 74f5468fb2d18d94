package store

import (
	"context"
	"errors"
	"fmt"
)

// HoldTarget takes a target for a probe of a replica's, unless a load run or another probe
// holds it. While it is held, no load run begins there. Errors do not name it: a
// team may keep it secret.
func (tx *Tx) HoldTarget(ctx context.Context, target, owner string) (ok bool, err error) {
	res, err := tx.SQL.ExecContext(ctx, `INSERT INTO probes (target, owner, since) SELECT ?, ?, ?
		WHERE NOT EXISTS (SELECT 1 FROM leases WHERE target = ?) ON CONFLICT (target) DO NOTHING`,
		target, owner, millis(tx.now), target)
	if err != nil {
		return false, fmt.Errorf("hold a target: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, wrap("hold a target", err)
}

// FreeTarget gives a target free that a probe held.
func (tx *Tx) FreeTarget(ctx context.Context, target string) error {
	_, err := tx.SQL.ExecContext(ctx, `DELETE FROM probes WHERE target = ?`, target)
	return wrap("free a target", err)
}

// FreeTargets gives all targets free that the probes of a replica held: those of
// a process that is no more. It reports whether there were any.
func (tx *Tx) FreeTargets(ctx context.Context, owner string) (any bool, err error) {
	err = changedOne(tx.SQL.ExecContext(ctx, `DELETE FROM probes WHERE owner = ?`, owner))
	if errors.Is(err, ErrStale) {
		return false, nil
	}
	return err == nil, wrap("free targets of probes", err)
}
