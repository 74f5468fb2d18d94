// Package outbox carries verdicts the last step: from rows that are already
// durable in our own database to the Hub.
//
// In come the rows that are due (the newest update of each team and criterion,
// with a version); out go receipts that say what became of each row: accepted,
// to be tried again later, or parked for a person with the Hub's own words.
//
// Whatever breaks, no update is lost and none overtakes another: a row stays
// pending until the Hub has said yes, retries are spread with a growing pause of
// at most five minutes, and a receipt names the version that was sent, so a late
// answer never settles a newer update. The one repetition that cannot be
// avoided, of an update whose answer was lost, carries the same content.
package outbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Store holds the rows. Both calls are short; neither waits for the Hub.
type Store interface {
	// Due returns at most limit pending rows whose DueAt is not after now,
	// the longest due first.
	Due(ctx context.Context, now time.Time, limit int) ([]contest.OutboxRow, error)
	// Settle applies all receipts in one transaction. A receipt for a version
	// that is no longer the row's version changes nothing.
	Settle(ctx context.Context, receipts []Receipt) error
}

// Receipt says what became of one version of one row.
type Receipt struct {
	Team      contest.Slug
	Criterion contest.Criterion
	Version   int64
	State     contest.OutboxState // sent, parked, or pending (to be tried again at DueAt)
	Attempts  int                 // flushes that have sent this version, this one included
	DueAt     time.Time           // when to try again; unchanged unless State is pending
	Error     string              // the Hub's words; empty when sent
	At        time.Time
}

// Send tells the Hub. It returns one error per update, nil for an accepted one.
// The second error means that the call as a whole failed, so that nothing is
// known of any update and all of them are tried again.
type Send func(ctx context.Context, updates []contest.Update) ([]error, error)

// Flusher sends what is due. Make one with New.
type Flusher struct {
	store Store
	send  Send
	opt   Options
	wake  chan struct{} // holds at most one request for a flush
	turn  chan struct{} // held by the one flush that is under way
}

// New returns a flusher over store that speaks through send. It starts nothing.
func New(store Store, send Send, opt Options) *Flusher {
	return &Flusher{
		store: store, send: send, opt: opt.withDefaults(),
		wake: make(chan struct{}, 1), turn: make(chan struct{}, 1),
	}
}

// Wake asks Run for a flush now. It never blocks, and many requests before the
// next flush count as one.
func (f *Flusher) Wake() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Run flushes at each Wake and at least every Options.Interval until ctx is
// done; then it lets a call under way finish, flushes once more, and returns
// nil within Options.Grace. Failures do not end it: they are told to
// Options.Observe, and the rows stay due.
func (f *Flusher) Run(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var grace sync.WaitGroup
	grace.Go(func() { cancelAfter(ctx, work, f.opt.Grace, cancel) })
	defer grace.Wait()
	defer cancel()

	ticker := time.NewTicker(f.opt.Interval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		_, _ = f.Flush(work) // the outcome is told to Observe, and the rows stay due
		select {
		case <-f.wake:
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	_, _ = f.Flush(work)
	return nil
}

// cancelAfter cancels work once grace has passed since ctx was done, or returns
// when work is done on its own.
func cancelAfter(ctx, work context.Context, grace time.Duration, cancel context.CancelFunc) {
	select {
	case <-ctx.Done():
	case <-work.Done():
		return
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-timer.C:
		cancel()
	case <-work.Done():
	}
}

// Flush sends batch after batch until nothing is due, and returns how many
// updates the Hub accepted. It stops at the first call that fails as a whole,
// so a Hub that is down is asked once and not once per batch, and returns that
// failure; an update that was refused is no failure of the flush. Flushes never
// overlap: a second one waits for its turn.
func (f *Flusher) Flush(ctx context.Context) (sent int, err error) {
	select {
	case f.turn <- struct{}{}:
		defer func() { <-f.turn }()
	case <-ctx.Done():
		return 0, fmt.Errorf("wait for the flush under way: %w", context.Cause(ctx))
	}
	for {
		pass, more := f.pass(ctx)
		sent += pass.Sent
		if pass != (Pass{}) && f.opt.Observe != nil {
			f.opt.Observe(pass)
		}
		if pass.Err != nil || !more {
			return sent, pass.Err
		}
	}
}

// pass sends one batch. more is false when nothing was due.
func (f *Flusher) pass(ctx context.Context) (_ Pass, more bool) {
	rows, err := f.store.Due(ctx, time.Now(), f.opt.Batch)
	if err != nil {
		return Pass{Err: fmt.Errorf("read due updates: %w", err)}, false
	}
	if len(rows) == 0 {
		return Pass{}, false
	}
	answers, callErr := f.call(ctx, rows)
	if callErr != nil && ctx.Err() != nil {
		// Our own stop, not the Hub's fault: the rows stay due as they are.
		return Pass{Err: callErr}, false
	}
	receipts := f.settlement(rows, answers, callErr)
	// What the Hub has accepted must be remembered even while we are stopping.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err := f.store.Settle(ctx, receipts); err != nil {
		return Pass{Err: fmt.Errorf("settle %d updates: %w", len(receipts), err)}, false
	}
	pass := count(receipts)
	pass.Err = callErr
	return pass, true
}

// call sends the updates of rows under one deadline.
func (f *Flusher) call(ctx context.Context, rows []contest.OutboxRow) ([]error, error) {
	updates := make([]contest.Update, len(rows))
	for i, r := range rows {
		updates[i] = r.Update
	}
	ctx, cancel := context.WithTimeout(ctx, f.opt.Timeout)
	defer cancel()
	f.opt.BeforeSend()
	answers, err := f.send(ctx, updates)
	f.opt.AfterSend()
	if err != nil {
		return nil, fmt.Errorf("send %d updates: %w", len(updates), err)
	}
	if len(answers) != len(updates) {
		return nil, fmt.Errorf("send %d updates: got %d answers", len(updates), len(answers))
	}
	return answers, nil
}

// settlement turns answers into receipts. One jitter serves the whole batch, so
// that updates that failed together are tried again together.
func (f *Flusher) settlement(rows []contest.OutboxRow, answers []error, callErr error) []Receipt {
	now, jitter := time.Now(), rand.Float64()
	receipts := make([]Receipt, len(rows))
	for i, row := range rows {
		err := callErr
		if err == nil {
			err = answers[i]
		}
		r := Receipt{
			Team: row.Update.TeamSlug, Criterion: row.Update.CriteriaType, Version: row.Version,
			State: contest.OutboxSent, Attempts: row.Attempts + 1, DueAt: row.DueAt, At: now,
		}
		if err != nil {
			r.Error = err.Error()
			r.State = f.stateAfter(row, err, callErr != nil)
		}
		if r.State == contest.OutboxPending {
			r.DueAt = now.Add(max(Backoff(r.Attempts, jitter), f.opt.RetryAfter(err)))
		}
		receipts[i] = r
	}
	return receipts
}

// stateAfter decides what a failure means for a row. Only an answer about the
// update itself can park it: a Hub that is down, or a key that it no longer
// accepts, says nothing about the update.
func (f *Flusher) stateAfter(row contest.OutboxRow, err error, wholeCall bool) contest.OutboxState {
	switch {
	case wholeCall:
		return contest.OutboxPending
	case f.opt.Permanent(err):
		return contest.OutboxParked
	case f.opt.Doubtful(err) && row.Attempts+1 >= f.opt.Patience && row.Error == err.Error():
		return contest.OutboxParked
	}
	return contest.OutboxPending
}
