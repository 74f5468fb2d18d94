package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/hub"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

const (
	metaSession  = "session" // when the session under way began; empty: none is
	sessionLook  = 200 * time.Millisecond
	sessionRetry = time.Second
	sessionDelay = time.Minute // longest pause between tries to begin a round
)

// session runs one round of every service and waits until the Hub has it all.
// A session that was killed is taken up where it stood: rounds that it had
// begun go on, the others begin.
func (w *works) session(ctx context.Context) error {
	since, err := w.beginSession(ctx)
	if err != nil {
		return err
	}
	for _, key := range w.services {
		if err := w.beginOnce(ctx, key, since); err != nil {
			return fmt.Errorf("session: %w", err)
		}
	}
	for _, key := range w.services {
		if err := w.untilEnded(ctx, key, since); err != nil {
			return fmt.Errorf("session: %w", err)
		}
	}
	if err := w.untilFlushed(ctx); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return w.store.Write(ctx, func(tx *store.Tx) error { return tx.SetMeta(ctx, metaSession, "") })
}

// beginSession returns when the session under way began.
func (w *works) beginSession(ctx context.Context) (time.Time, error) {
	began, err := w.store.Meta(ctx, metaSession)
	if err != nil {
		return time.Time{}, err
	}
	if t, err := time.Parse(time.RFC3339Nano, began); err == nil {
		return t, nil
	}
	now := time.Now().Truncate(time.Millisecond) // as the database keeps it
	return now, w.store.Write(ctx, func(tx *store.Tx) error {
		return tx.SetMeta(ctx, metaSession, now.Format(time.RFC3339Nano))
	})
}

// beginOnce begins the service's round unless this session has begun it. A Hub
// that does not answer is asked again with a growing pause.
func (w *works) beginOnce(ctx context.Context, key contest.ServiceKey, since time.Time) error {
	id := conduct.NewRound()
	for pause := sessionRetry; ; pause = min(2*pause, sessionDelay) {
		round, err := w.roundSince(ctx, key, since)
		if err != nil || round != nil {
			return err
		}
		if _, err = w.begin(ctx, key, id); err == nil {
			continue
		}
		if hub.IsPermanent(err) {
			return err // asking again would not help: a key that is refused, say
		}
		w.log.Warn("round could not begin, trying again", "service", key, "in", pause, "error", err)
		if err := wait(ctx, pause); err != nil {
			return err
		}
	}
}

// roundSince returns the service's round of this session, or one that an
// earlier session left open; nil when there is none.
func (w *works) roundSince(ctx context.Context, key contest.ServiceKey, since time.Time) (*contest.Round, error) {
	rounds, err := w.store.Rounds(ctx, key, healthRounds)
	if err != nil {
		return nil, err
	}
	for _, r := range rounds {
		if r.EndedAt == nil || (r.Error == "" && !r.StartedAt.Before(since)) {
			return &r, nil
		}
	}
	return nil, nil
}

func (w *works) untilEnded(ctx context.Context, key contest.ServiceKey, since time.Time) error {
	for {
		round, err := w.roundSince(ctx, key, since)
		if err != nil {
			return err
		}
		if round == nil || round.EndedAt != nil {
			return nil
		}
		if err := wait(ctx, sessionLook); err != nil {
			return err
		}
	}
}

// untilFlushed waits until no update is on its way to the Hub any more.
func (w *works) untilFlushed(ctx context.Context) error {
	if w.flusher == nil {
		return nil
	}
	for {
		pending, err := w.store.Outbox(ctx, contest.OutboxPending)
		if err != nil || len(pending) == 0 {
			return err
		}
		w.flusher.Wake()
		if err := wait(ctx, sessionLook); err != nil {
			return err
		}
	}
}

var errInterrupted = errors.New("interrupted")

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return errors.Join(errInterrupted, context.Cause(ctx))
	case <-t.C:
		return nil
	}
}
