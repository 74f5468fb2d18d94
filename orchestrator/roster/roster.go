// Package roster finds out who takes part: it reads teams from the Hub's API,
// from the Hub's database or from a file, and holds these sources against each
// other.
//
// In go sources in order of preference; out comes one list of teams in order of
// slug. The first source that answers wins. The others are asked at the same
// time, and where they disagree both the team's notes and Findings say so; no
// value of a lesser source ever replaces one of the winner. A source that fails
// is told once and passed over; only when all fail is there an error. What was
// read is kept for a short time, so that services that start together ask once.
//
// Everything that a source says of a team is untrusted text and is carried as it
// came. Findings and errors never quote a URL, which may hold credentials, nor
// what a team marked as secure.
package roster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Source knows teams. Teams returns those of a hackathon (an empty one means of
// all); it must return soon after ctx ends.
type Source interface {
	Name() string // for people: "the Hub"
	Teams(ctx context.Context, hackathon string) ([]contest.Team, error)
}

// TeamsFunc is a Source's Teams as a function.
type TeamsFunc func(ctx context.Context, hackathon string) ([]contest.Team, error)

// NewSource makes a source of a function, for example of a Hub client's Teams.
func NewSource(name string, teams TeamsFunc) Source { return funcSource{name, teams} }

type funcSource struct {
	name  string
	teams TeamsFunc
}

func (s funcSource) Name() string { return s.name }

func (s funcSource) Teams(ctx context.Context, hackathon string) ([]contest.Team, error) {
	return s.teams(ctx, hackathon)
}

// Roster is several sources as one. Make one with Combine; set the fields
// before its first use. It may then be used from many goroutines.
type Roster struct {
	Fresh   time.Duration // how long an answer is kept; 0 means 30 s
	Timeout time.Duration // of one reading of all sources; 0 means 1 minute
	Grace   time.Duration // how long the others may take once the first has answered; 0 means 5 s
	// Tell is called with each finding when it is new, from one goroutine at a
	// time; nil: nobody is told.
	Tell func(finding string)

	sources []Source
	turn    chan struct{} // of one element: held by who reads; it guards told
	told    map[string]bool

	mu   sync.Mutex // guards last
	last reading
}

// reading is what came of asking all sources once. It is never changed.
type reading struct {
	hackathon string
	ended     time.Time // zero: there was none yet
	teams     []contest.Team
	findings  []finding
	err       error
}

// Combine puts sources in order of preference.
func Combine(sources ...Source) *Roster {
	return &Roster{sources: sources, turn: make(chan struct{}, 1), told: map[string]bool{}}
}

// Teams returns the teams of a hackathon in order of slug, with what differs
// between the sources in their notes. The teams are the caller's own.
func (r *Roster) Teams(ctx context.Context, hackathon string) ([]contest.Team, error) {
	arrived := time.Now()
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for who reads the teams: %w", context.Cause(ctx))
	}
	last := r.reading()
	if !last.serves(hackathon, arrived, or(r.Fresh, 30*time.Second)) {
		last = r.read(ctx, hackathon)
		if ctx.Err() != nil && last.err != nil {
			// Whoever waits behind us is not stopped, so it asks for itself.
			return nil, last.err
		}
		r.mu.Lock()
		r.last = last
		r.mu.Unlock()
	}
	return own(last.teams), last.err
}

// Findings says, in sentences, what was wrong at the latest reading: sources
// that failed, entries that were left out, teams that differ.
func (r *Roster) Findings() []string {
	var texts []string
	for _, f := range r.reading().findings {
		texts = append(texts, f.text)
	}
	return texts
}

func (r *Roster) reading() reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// serves reports whether the reading answers somebody who arrived then. A
// failure serves only those who were waiting while it happened.
func (l reading) serves(hackathon string, arrived time.Time, fresh time.Duration) bool {
	switch {
	case l.ended.IsZero() || l.hackathon != hackathon:
		return false
	case l.err != nil:
		return !l.ended.Before(arrived)
	}
	return time.Since(l.ended) < fresh
}

// read asks all sources and holds their answers against each other. Its caller
// has the turn.
func (r *Roster) read(ctx context.Context, hackathon string) reading {
	answers := r.ask(ctx, hackathon)
	result := reading{hackathon: hackathon, ended: time.Now()}
	first := slices.IndexFunc(answers, func(a answer) bool { return a.err == nil })
	if first < 0 {
		result.err = failure(answers)
		return result
	}
	result.teams, result.findings = weigh(answers, first)
	told := map[string]bool{}
	for _, f := range result.findings {
		if told[f.key] = true; !r.told[f.key] && r.Tell != nil {
			r.Tell(f.text)
		}
	}
	r.told = told
	return result
}

// failure joins why none of the sources answered.
func failure(answers []answer) error {
	if len(answers) == 0 {
		return errors.New("read teams: no source of teams is configured")
	}
	var errs []error
	for _, a := range answers {
		errs = append(errs, fmt.Errorf("read teams from %s: %w", a.source, a.err))
	}
	return errors.Join(errs...)
}

// errSlow is why a source that the first one did not wait for has failed.
var errSlow = errors.New("it had not answered when the wait for it ended")

// ask asks all sources at once and returns their answers in the order of the
// sources, when every one has returned.
func (r *Roster) ask(ctx context.Context, hackathon string) []answer {
	ctx, stop := context.WithTimeout(ctx, or(r.Timeout, time.Minute))
	defer stop()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	type numbered struct {
		i int
		answer
	}
	arriving := make(chan numbered, len(r.sources))
	for i, s := range r.sources {
		go func() { arriving <- numbered{i, query(ctx, s, hackathon)} }()
	}
	answers := make([]answer, len(r.sources))
	var grace <-chan time.Time
	for range r.sources {
		for waiting := true; waiting; {
			select {
			case a := <-arriving:
				answers[a.i], waiting = a.answer, false
			case <-grace:
				giveUp(errSlow)
			}
		}
		if grace == nil && decided(answers) {
			grace = time.After(or(r.Grace, 5*time.Second))
		}
	}
	return answers
}

func query(ctx context.Context, s Source, hackathon string) answer {
	teams, err := s.Teams(ctx, hackathon)
	if err != nil && errors.Is(context.Cause(ctx), errSlow) {
		err = errSlow
	}
	return answer{source: s.Name(), teams: teams, err: err}
}

// decided reports whether no outstanding answer can win any more.
func decided(answers []answer) bool {
	for _, a := range answers {
		switch {
		case a.source == "": // outstanding
			return false
		case a.err == nil:
			return true
		}
	}
	return false
}

// own copies teams, so that a caller may append to their notes.
func own(teams []contest.Team) []contest.Team {
	teams = slices.Clone(teams)
	for i := range teams {
		teams[i].Notes = slices.Clone(teams[i].Notes)
		teams[i].Secure = slices.Clone(teams[i].Secure)
	}
	return teams
}

func or(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}
