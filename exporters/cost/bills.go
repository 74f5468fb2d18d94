package cost

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Provider reads what a cloud provider charges for each team.
type Provider interface {
	// Name is what people call the provider: "AWS". It does not change.
	Name() string
	// Spend returns what each of the teams is charged for the time from from to
	// to, once per currency; teams without a charge are left out. Errors hold no
	// secret and nothing of the provider's answer but its error code.
	Spend(ctx context.Context, from, to time.Time, teams []contest.Slug) (map[contest.Slug][]Amount, error)
}

// keepBills is for how long the last good bills stand in for a provider that
// fails. Bills grow once or a few times a day.
const keepBills = 24 * time.Hour

// billed is a provider's last good answer.
type billed struct {
	at    time.Time // zero: never
	asked map[contest.Slug]bool
	teams map[contest.Slug][]Amount
}

func (b billed) covers(teams []contest.Slug) bool {
	for _, slug := range teams {
		if !b.asked[slug] {
			return false
		}
	}
	return !b.at.IsZero()
}

// ledger asks one provider and keeps its last good answer: bills change slowly,
// and some providers charge for the question.
type ledger struct {
	provider Provider
	fresh    time.Duration // an answer this young is not asked for again
	turn     chan struct{} // holds one place: two never ask at once

	mu   sync.Mutex
	last billed
	up   bool
}

func newLedger(p Provider, fresh time.Duration) *ledger {
	return &ledger{provider: p, fresh: fresh, turn: make(chan struct{}, 1)}
}

// read returns the provider's bills, and a trouble when it could not be asked
// just now. Without older bills the trouble says that they are missing.
func (l *ledger) read(ctx context.Context, w window, teams []contest.Slug) (map[contest.Slug][]Amount, *Trouble) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return l.fallback(w, teams, ctx.Err())
	}
	if last, _ := l.state(); last.covers(teams) && w.now.Sub(last.at) < l.fresh {
		return last.teams, nil
	}
	got, err := l.provider.Spend(ctx, w.from, w.to, teams)
	l.note(w, teams, got, err)
	if err != nil {
		return l.fallback(w, teams, err)
	}
	return got, nil
}

// note keeps what came of a question.
func (l *ledger) note(w window, teams []contest.Slug, got map[contest.Slug][]Amount, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = err == nil
	if err != nil {
		return
	}
	l.last = billed{at: w.now, asked: make(map[contest.Slug]bool, len(teams)), teams: got}
	for _, slug := range teams {
		l.last.asked[slug] = true
	}
}

// fallback says what is wrong, and returns the last good bills if they serve.
func (l *ledger) fallback(w window, teams []contest.Slug, err error) (map[contest.Slug][]Amount, *Trouble) {
	t := &Trouble{Source: l.provider.Name(), Bills: true}
	t.Sentence = fmt.Sprintf("%s could not be asked for its bills: %s.", t.Source, brief(err))
	last, _ := l.state()
	age := w.now.Sub(last.at)
	if !last.covers(teams) || age > keepBills {
		return nil, t
	}
	t.Bills = false
	t.Sentence += fmt.Sprintf(" Its bills of %s ago are used.", age.Round(time.Minute))
	return last.teams, t
}

// state returns the last good answer, and whether the last question had one.
func (l *ledger) state() (last billed, up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last, l.up
}

// brief cuts an error to a line that fits a page.
func brief(err error) string {
	const most = 200
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, err.Error())
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return strings.TrimRight(text, ".")
}

// maxAnswer is more than a page of any provider's bills.
const maxAnswer = 16 << 20

// Client returns an HTTP client for a provider's API: it follows no redirect,
// which could take credentials elsewhere, and cuts an answer off at 16 MiB. Each
// request ends with its context, and after timeout in any case. A nil base is
// the standard transport.
func Client(base http.RoundTripper, timeout time.Duration) *http.Client {
	if base == nil {
		base = http.DefaultTransport
	}
	return &http.Client{
		Transport:     bounded{base},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       timeout,
	}
}

type bounded struct{ base http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.base.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	}
	return resp, err
}
