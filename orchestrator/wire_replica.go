package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/replica"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// openState opens the state database: PostgreSQL where one is named, otherwise
// SQLite in the state directory, which is this process' alone in either case.
func openState(ctx context.Context, c config.State) (*store.Store, error) {
	if url := c.DatabaseURL.Reveal(); url != "" {
		return store.OpenPostgres(ctx, c.Dir, url)
	}
	return store.Open(ctx, c.Dir)
}

// join makes this process one of the replicas of a contest, where the state can
// be shared at all. embedded: its metrics stay in itself.
func (w *works) join(ctx context.Context, embedded bool) error {
	if w.store.Replica() == "" {
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("find this machine's name: %w", err)
	}
	self := store.Replica{ID: w.store.Replica(), Host: host, Embedded: embedded}
	if w.member, err = replica.Join(ctx, w.store, self, w.log); errors.Is(err, replica.ErrOthers) {
		return usage(err, "Or run one process on it, or give each its own database.")
	}
	return err
}

// replicas is the part that shows this process to the others, and them to it.
func (w *works) replicas() []part {
	if w.member == nil {
		return nil
	}
	return []part{{"replicas", func(ctx context.Context) error { return w.member.Run(ctx, w.line.Tidy) }}}
}

// handBack leaves the load under way here to the other replicas, if there are
// any; with none it goes on and is taken up by the next start.
func (w *works) handBack(ctx context.Context) error {
	if w.member == nil || w.member.Alone() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handBackTimeout)
	defer cancel()
	if err := w.line.HandBack(ctx); err != nil {
		return fmt.Errorf("hand runs back: %w", err)
	}
	return w.store.Write(ctx, func(tx *store.Tx) error { return tx.Forget(ctx, w.member.ID()) })
}

const handBackTimeout = 30 * time.Second

// dutyOutbox is what the one replica does that speaks to the Hub: two would send
// the same update twice.
const dutyOutbox = "outbox"

// onDuty reports whether this process is the one that speaks to the Hub. It
// takes over from one that is gone.
func (w *works) onDuty(ctx context.Context) (bool, error) {
	if w.member == nil {
		return true, nil
	}
	if !time.Now().Before(w.member.Until()) {
		return false, nil // others may take it to be gone soon
	}
	owner, err := w.store.Duty(ctx, dutyOutbox)
	if err != nil || owner == w.member.ID() {
		return err == nil, err
	}
	if owner != "" && w.member.Silent(owner) < replica.Silence {
		return false, nil
	}
	err = w.store.Write(ctx, func(tx *store.Tx) error { return tx.TakeDuty(ctx, dutyOutbox, owner, w.member.ID()) })
	if errors.Is(err, store.ErrStale) {
		return false, nil
	}
	return err == nil, err
}

// Due returns the rows that are due, if it is this process that sends them.
func (o outboxRows) Due(ctx context.Context, now time.Time, limit int) ([]contest.OutboxRow, error) {
	if ok, err := o.onDuty(ctx); err != nil || !ok {
		return nil, err
	}
	return o.store.Due(ctx, now, limit)
}

// tellHubOnDuty sends updates. A call ends before another replica can take this
// one to be gone and send the same.
func (w *works) tellHubOnDuty(ctx context.Context, updates []contest.Update) ([]error, error) {
	if w.member != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, w.member.Until())
		defer cancel()
	}
	return w.tellHub(ctx, updates)
}
