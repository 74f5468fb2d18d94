package cost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Config is what an exporter works with. Everything but Rules may be left out.
type Config struct {
	Rules Rules
	// Entries returns the form's newest entry of each team.
	Entries func(ctx context.Context) (map[contest.Slug]Entry, error)
	// Providers are asked all at once; none by default.
	Providers []Provider
	// Query reads what teams' namespaces used. A team's is called Namespace, with
	// its slug in the place of $team; "$team" when empty.
	Query     Query
	Namespace string
	// From and To bound what is billed and measured: the contest. Without From
	// it is the last 30 days, without To it goes on until now.
	From, To time.Time
	// Timeout is for each source; 8 s when zero.
	Timeout time.Duration
	// BillsAge is for how long a provider's answer is used again; an hour when
	// zero, since bills grow slowly and AWS charges for each question.
	BillsAge time.Duration
	// Link is the page that the Hub's cell leads to.
	Link func(contest.Team) string
}

// Exporter measures the spend of teams. It is safe for concurrent use.
type Exporter struct {
	cfg     Config
	ledgers []*ledger

	mu   sync.Mutex
	last snapshot
}

// New returns an exporter, or an error for rules that cannot be followed.
func New(cfg Config) (*Exporter, error) {
	cfg.Rules.Rule = cmp.Or(cfg.Rules.Rule, RuleInformational)
	cfg.Rules.Currency = cmp.Or(cfg.Rules.Currency, "KZT")
	cfg.Namespace = cmp.Or(cfg.Namespace, teamPlace)
	cfg.Timeout = cmp.Or(cfg.Timeout, 8*time.Second)
	cfg.BillsAge = cmp.Or(cfg.BillsAge, time.Hour)
	switch {
	case cfg.Rules.Rule != RuleInformational && cfg.Rules.Rule != RuleRank:
		return nil, fmt.Errorf("rule %q is not known: want %q or %q", cfg.Rules.Rule, RuleInformational, RuleRank)
	case !isCurrency(cfg.Rules.Currency):
		return nil, fmt.Errorf("currency %q is not known: want a code of ISO 4217 like KZT", cfg.Rules.Currency)
	case !strings.Contains(cfg.Namespace, teamPlace):
		return nil, fmt.Errorf("namespace %q is the same for all teams: want %s in it", cfg.Namespace, teamPlace)
	case cfg.Rules.Points < 0, cfg.Timeout < 0, cfg.BillsAge < 0:
		return nil, errors.New("points and durations are zero or more")
	}
	x := &Exporter{cfg: cfg}
	names := map[string]bool{"": true, sourceForm: true, sourcePrometheus: true}
	for _, p := range cfg.Providers {
		if names[p.Name()] {
			return nil, fmt.Errorf("provider name %q is empty or taken", p.Name())
		}
		names[p.Name()] = true
		x.ledgers = append(x.ledgers, newLedger(p, cfg.BillsAge))
	}
	return x, nil
}

// Measure reads all sources once and hands each team's verdict to each, in the
// order of teams. It takes no longer than the timeout of a source. It returns an
// error, and no verdict, when the form's entries cannot be read or ctx ends:
// what counts first is then not known for any team.
func (x *Exporter) Measure(ctx context.Context, teams []contest.Team, each func(contest.Verdict)) error {
	shot, err := x.measure(ctx, teams)
	if err != nil {
		return err
	}
	for _, v := range shot.verdicts {
		each(v)
	}
	return nil
}

// measure takes and keeps a snapshot of all teams.
func (x *Exporter) measure(ctx context.Context, teams []contest.Team) (snapshot, error) {
	now := time.Now()
	a := x.ask(ctx, now, teams)
	err := ctx.Err()
	switch {
	case err != nil:
		err = fmt.Errorf("measure spend: %w", err)
	case a.entriesErr != nil:
		err = fmt.Errorf("read the form's entries: %w", a.entriesErr)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.last.sources = x.sources(a, now)
	if err != nil {
		return x.last, err
	}
	x.last.at, x.last.round = now, a.round(x, teams, now)
	x.last.spends, x.last.verdicts = judge(x.cfg.Rules, x.last.round)
	return x.last, nil
}

// answers is what all sources said.
type answers struct {
	entries    map[contest.Slug]Entry
	entriesErr error
	bills      []map[contest.Slug][]Amount // of each ledger
	troubles   []*Trouble                  // of each ledger
	used       map[contest.Slug]Usage
	usedErr    error
}

// ask reads all sources at once; none cuts another short. A source that hangs is
// given up a little before ctx ends, so that there is a round without it.
func (x *Exporter) ask(ctx context.Context, now time.Time, teams []contest.Team) answers {
	timeout := x.cfg.Timeout
	if end, ok := ctx.Deadline(); ok {
		timeout = min(timeout, end.Sub(now)*9/10)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	slugs := make([]contest.Slug, len(teams))
	for i, t := range teams {
		slugs[i] = t.Slug
	}
	a := answers{bills: make([]map[contest.Slug][]Amount, len(x.ledgers)), troubles: make([]*Trouble, len(x.ledgers))}
	var all errgroup.Group
	if x.cfg.Entries != nil {
		all.Go(func() error { a.entries, a.entriesErr = x.cfg.Entries(ctx); return nil })
	}
	if w, begun := x.window(now); begun {
		for i, l := range x.ledgers {
			all.Go(func() error { a.bills[i], a.troubles[i] = l.read(ctx, w, slugs); return nil })
		}
		if x.cfg.Query != nil {
			all.Go(func() error { a.used, a.usedErr = x.usage(ctx, w, slugs); return nil })
		}
	}
	_ = all.Wait()
	return a
}

// round sorts the answers by team.
func (a answers) round(x *Exporter, teams []contest.Team, now time.Time) Round {
	r := Round{At: now.UTC(), Link: x.cfg.Link, Teams: make([]Facts, len(teams))}
	for i, team := range teams {
		f := Facts{Team: team, Usage: a.used[team.Slug]}
		if e, ok := a.entries[team.Slug]; ok {
			f.Entry = &e
		}
		for j, l := range x.ledgers {
			if amounts := a.bills[j][team.Slug]; len(amounts) > 0 {
				f.Bills = append(f.Bills, Bill{Provider: l.provider.Name(), Amounts: amounts})
			}
		}
		r.Teams[i] = f
	}
	for _, t := range a.troubles {
		if t != nil {
			r.Trouble = append(r.Trouble, *t)
		}
	}
	if a.usedErr != nil {
		r.Trouble = append(r.Trouble, Trouble{
			Source: sourcePrometheus, Sentence: "What namespaces used is not known in full: " + brief(a.usedErr) + ".",
		})
	}
	return r
}

// window returns the time that counts, and whether any of it has passed.
func (x *Exporter) window(now time.Time) (window, bool) {
	w := window{from: x.cfg.From, to: now, now: now}
	if !x.cfg.To.IsZero() && x.cfg.To.Before(now) {
		w.to = x.cfg.To
	}
	if w.from.IsZero() {
		w.from = w.to.AddDate(0, 0, -30)
	}
	return w, w.from.Before(w.to)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
