package conduct

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// askTimeout bounds a question to the Hub; its step has more to do.
const askTimeout = 10 * time.Second

// errAsk ends a transaction that must know first what the Hub holds: it cannot
// ask itself, because everybody else would wait for the answer.
var errAsk = errors.New("the Hub is to be asked first")

// held remembers what the Hub holds, as it said once in each round that needed
// to know.
type held struct {
	asking sync.Mutex // held while the Hub is asked
	mu     sync.Mutex
	rounds map[contest.Criterion]holdings
}

// holdings is what the Hub holds of one criterion.
type holdings struct {
	round   contest.RoundID
	away    bool // it did not say
	results []contest.Update
}

func newHeld() *held { return &held{rounds: map[contest.Criterion]holdings{}} }

func (h *held) of(round contest.RoundID, c contest.Criterion) (holdings, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	found, ok := h.rounds[c]
	return found, ok && found.round == round
}

// better reports whether the Hub holds a result of the team. Where it did not
// say, it might.
func (h holdings) better(team contest.Team) bool {
	for _, u := range h.results {
		if u.TeamSlug == team.Slug && u.HackathonID == team.HackathonID && u.Status != contest.NoData {
			return true
		}
	}
	return h.away
}

// hubHoldsBetter reports whether an invalid verdict would overwrite a result.
// Our own outbox knows; where it is empty, after the loss of the state say, the
// Hub does.
func (l *Line) hubHoldsBetter(ctx context.Context, tx *store.Tx, v contest.Verdict) (bool, error) {
	told, err := tx.HasPublished(ctx, v.Team.Slug, v.Criterion)
	if err != nil || told || l.Held == nil {
		return told, err
	}
	found, ok := l.held.of(v.Round, v.Criterion)
	if !ok {
		return false, errAsk
	}
	return found.better(v.Team), nil
}

// asked does a transaction, once more if the Hub had to be asked first.
func (l *Line) asked(ctx context.Context, round contest.RoundID, c contest.Criterion, write func() error) error {
	err := write()
	if !errors.Is(err, errAsk) {
		return err
	}
	l.ask(ctx, round, c)
	return write()
}

// ask asks the Hub what it holds, unless somebody has in this round.
func (l *Line) ask(ctx context.Context, round contest.RoundID, c contest.Criterion) {
	l.held.asking.Lock()
	defer l.held.asking.Unlock()
	if _, ok := l.held.of(round, c); ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	results, err := l.Held(ctx, c)
	if err != nil {
		l.Log.Warn("the Hub does not say what it holds, so it is told of nothing that could not be measured in this round",
			"criterion", c, "round", round, "error", err)
	}
	l.held.mu.Lock()
	defer l.held.mu.Unlock()
	l.held.rounds[c] = holdings{round: round, away: err != nil, results: results}
}
