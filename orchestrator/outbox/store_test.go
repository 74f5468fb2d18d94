package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/outbox"
)

// memory is a Store without a database.
type memory struct {
	mu       sync.Mutex
	rows     map[string]*contest.OutboxRow
	receipts []outbox.Receipt
	broken   error // what the calls answer
}

func newMemory(updates ...contest.Update) *memory {
	m := &memory{rows: map[string]*contest.OutboxRow{}}
	for _, u := range updates {
		m.put(u)
	}
	return m
}

func rowKey(team contest.Slug, criterion contest.Criterion) string {
	return fmt.Sprintf("%s/%s", team, criterion)
}

// put makes u the newest update of its team and criterion, due now.
func (m *memory) put(u contest.Update) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := rowKey(u.TeamSlug, u.CriteriaType)
	row := contest.OutboxRow{Update: u, Version: 1, State: contest.OutboxPending, CreatedAt: time.Now(), DueAt: time.Now()}
	if old, ok := m.rows[key]; ok {
		row.Version = old.Version + 1
	}
	m.rows[key] = &row
}

func (m *memory) Due(_ context.Context, now time.Time, limit int) ([]contest.OutboxRow, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var due []contest.OutboxRow
	for _, r := range m.rows {
		if r.State == contest.OutboxPending && !r.DueAt.After(now) {
			due = append(due, *r)
		}
	}
	slices.SortFunc(due, func(a, b contest.OutboxRow) int {
		if c := a.DueAt.Compare(b.DueAt); c != 0 {
			return c
		}
		return slices.Compare([]byte(a.Update.TeamSlug), []byte(b.Update.TeamSlug))
	})
	return due[:min(limit, len(due))], m.broken
}

func (m *memory) Settle(ctx context.Context, receipts []outbox.Receipt) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := errors.Join(m.broken, ctx.Err()); err != nil {
		return err
	}
	m.receipts = append(m.receipts, receipts...)
	for _, r := range receipts {
		row := m.rows[rowKey(r.Team, r.Criterion)]
		if row == nil || row.Version != r.Version {
			continue
		}
		row.State, row.Attempts, row.DueAt, row.Error = r.State, r.Attempts, r.DueAt, r.Error
		if r.State == contest.OutboxSent {
			row.SentAt = &r.At
		}
	}
	return nil
}

// row returns a copy of a team's row.
func (m *memory) row(team contest.Slug) contest.OutboxRow {
	m.mu.Lock()
	defer m.mu.Unlock()
	return *m.rows[rowKey(team, contest.CodeRepo)]
}

func (m *memory) breakWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}

// states counts the rows in each state.
func (m *memory) states() map[contest.OutboxState]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	count := map[contest.OutboxState]int{}
	for _, r := range m.rows {
		count[r.State]++
	}
	return count
}

func slug(i int) contest.Slug { return contest.Slug(fmt.Sprintf("team-%03d", i)) }

// updates returns one update for each of n teams.
func updates(n int) []contest.Update {
	all := make([]contest.Update, n)
	for i := range all {
		all[i] = contest.Update{
			TeamSlug: slug(i), HackathonID: "hackload-2025", CriteriaType: contest.CodeRepo, Status: contest.Passed,
			Score: 1, Metrics: map[string]any{"commitsCount": 10 + i}, UpdatedBy: "git-monitor-service",
		}
	}
	return all
}
