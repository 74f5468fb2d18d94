// Package evidence knows what to ask for a run that has ended, and makes the
// answers into contest.Evidence.
//
// In go the ended runs of a round and a way to ask PromQL; out comes the
// evidence of each. One query per metric covers all runs together, as an
// instant query over the last cumulative values of the launch's own series, so
// the number of queries does not grow with the number of teams.
//
// A query that fails fails the whole: evidence never lacks something because a
// question went unanswered. What was asked and is not there (a generator that
// did not report its end, no series at all, a warning of the store) is a gap,
// and gaps are evidence too. A counter that nobody ever added to is 0.
//
// Seal fixes evidence by hashes, so that a value changed later can be named.
package evidence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	chunkSize = 400 // testids in one regex
	margin    = time.Minute
)

// Query evaluates PromQL at one instant. An error with a method
// "Warnings() []string" comes together with a usable answer; with any other
// error the samples are ignored.
type Query func(ctx context.Context, promql string, at time.Time) ([]contest.Sample, error)

// Subject is one ended run and what is known of it without asking.
type Subject struct {
	Run        contest.Run
	Script     contest.Script
	Launch     contest.LaunchResult
	Preflight  contest.Preflight
	ConfigHash string // SHA-256 of the rules in force
	// PushInterval is how often the generators flush their metrics; zero means
	// k6's default of 5 s.
	PushInterval time.Duration
}

// Collect asks for all subjects together, as of at, and returns the evidence of
// each. It fails when any query does, with nothing collected.
func Collect(ctx context.Context, query Query, at time.Time, subjects []Subject) (map[contest.TestID]contest.Evidence, error) {
	out := make(map[contest.TestID]contest.Evidence, len(subjects))
	if len(subjects) == 0 {
		return out, nil
	}
	if err := check(at, subjects); err != nil {
		return nil, fmt.Errorf("collect evidence: %w", err)
	}
	form, err := newForm(at, subjects)
	if err != nil {
		return nil, fmt.Errorf("collect evidence: %w", err)
	}
	for chunk := range slices.Chunk(subjects, chunkSize) {
		accounts := open(chunk)
		for _, q := range questions() {
			if err := form.ask(ctx, query, q, accounts); err != nil {
				return nil, fmt.Errorf("collect evidence: ask for %s: %w", q.name, err)
			}
		}
		for testid, a := range accounts {
			if out[testid], err = a.close(form); err != nil {
				return nil, fmt.Errorf("collect evidence of %s: %w", testid, err)
			}
		}
	}
	return out, nil
}

// check refuses what would make a wrong question. Testids go into a regex.
func check(at time.Time, subjects []Subject) error {
	seen := make(map[contest.TestID]bool, len(subjects))
	for _, s := range subjects {
		id := s.Run.TestID
		switch {
		case !id.Valid():
			return fmt.Errorf("%q is no testid", id)
		case seen[id]:
			return fmt.Errorf("testid %s stands for two runs", id)
		case s.Launch.Started.IsZero():
			return fmt.Errorf("it is not known when %s was launched", id)
		case at.Before(s.Launch.Started):
			return fmt.Errorf("%s was launched after the instant that is asked for", id)
		}
		seen[id] = true
	}
	return nil
}

// ask sends one question for all accounts and enters the answer.
func (f form) ask(ctx context.Context, query Query, q question, accounts map[contest.TestID]*account) error {
	text, err := f.write(q, testids(accounts))
	if err != nil {
		return err
	}
	samples, err := query(ctx, text, f.at)
	var warning interface{ Warnings() []string }
	if err != nil && !errors.As(err, &warning) {
		return err
	}
	if warning != nil {
		for _, a := range accounts {
			a.gap("the metric store warned when asked for %s: %q", q.name, warning.Warnings())
		}
	}
	for _, s := range samples {
		a, ok := accounts[contest.TestID(s.Labels["testid"])]
		if !ok {
			return fmt.Errorf("the answer holds a series of testid %q, which was not asked for", s.Labels["testid"])
		}
		a.enter(q, s)
	}
	return nil
}
