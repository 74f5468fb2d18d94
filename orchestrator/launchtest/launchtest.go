// Package launchtest is the one exam that every launcher sits: how generators
// are started, watched, adopted, stopped and cleaned away, and how each way to
// end is told. It is test code; nothing that ships imports it.
//
// A launcher brings a [Subject]; [Exercise] gives it real k6 scripts to run with
// real generators, each row on launches of its own and all of them side by side.
// What holds on one machine must hold on many: the sentences of a result, the
// exit codes, that a repeated start starts nothing, that a new launcher knows
// what an old one left, and that nothing is left in the end.
package launchtest

import (
	"context"
	"embed"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Starter is what the line calls while a run goes well.
type Starter interface {
	Start(ctx context.Context, l contest.Launch) error
	Status(ctx context.Context, id contest.TestID) (contest.LaunchStatus, error)
	List(ctx context.Context) ([]contest.TestID, error)
}

// Ender ends what was started.
type Ender interface {
	Stop(ctx context.Context, id contest.TestID) error
	Remove(ctx context.Context, id contest.TestID) error
	Close() // generators live on
}

// Launcher is who sits the exam.
type Launcher interface {
	Starter
	Ender
}

// Subject says how to have a launcher, and how to look behind it.
type Subject struct {
	// Open returns a new launcher over the same folder, or cluster, each time.
	// It runs the scripts of Scripts. The exam closes it.
	Open func(t *testing.T) Launcher
	// Prefix begins every testid, so that exams beside each other do not meet.
	Prefix string
	// Generators is how many generators share each launch, 1 to 8.
	Generators int
	// WriteURL takes the generators' remote write.
	WriteURL string
	// Working counts the generators of a launch that exist right now, whatever
	// the launcher believes.
	Working func(t *testing.T, id contest.TestID) int
	// Kill ends one generator of a launch as the kernel would, with SIGKILL.
	Kill func(t *testing.T, id contest.TestID)
	// Left lists what there is of a launch: folders, processes, objects.
	Left func(t *testing.T, id contest.TestID) []string
	// Public is what others can read of a running launch, such as its command
	// line or its objects.
	Public func(t *testing.T, id contest.TestID) string
	// Patience is how long anything may take, 30 s when zero.
	Patience time.Duration
	// Timeout is what a launch is given that is to run out of time: longer than a
	// start takes. 3 s when zero.
	Timeout time.Duration
}

//go:embed scripts/*.js
var scripts embed.FS

// Scripts are the scenarios of the exam, as a launcher's configuration wants them.
func Scripts() fs.FS {
	sub, err := fs.Sub(scripts, "scripts")
	if err != nil {
		panic(err) // the name is a constant
	}
	return sub
}

// Exercise is the exam. Whoever calls it may run it in parallel with others.
func Exercise(t *testing.T, s Subject) {
	t.Helper()
	if s.Patience == 0 {
		s.Patience = 30 * time.Second
	}
	if s.Timeout == 0 {
		s.Timeout = 3 * time.Second
	}
	for _, row := range []struct {
		name string
		run  func(c *candidate)
	}{
		{"unknown", (*candidate).unknown},
		{"finishes", (*candidate).finishes},
		{"started by many", (*candidate).startedByMany},
		{"progress", (*candidate).progress},
		{"keeps secrets", (*candidate).keepsSecrets},
		{"adopted", (*candidate).adopted},
		{"ended unseen", (*candidate).endedUnseen},
		{"stopped", (*candidate).stopped},
		{"stopped without listening", (*candidate).deaf},
		{"impatient stop", (*candidate).impatient},
		{"timeout", (*candidate).timeout},
		{"killed", (*candidate).killed},
		{"removed at work", (*candidate).removed},
		{"threshold lost", (*candidate).lost},
		{"threshold crossed", (*candidate).crossed},
		{"aborted by the script", (*candidate).aborted},
		{"setup throws", (*candidate).thrown},
		{"no script", (*candidate).broken},
		{"refused", (*candidate).refused},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c := &candidate{t: t, Subject: s, id: contest.TestID(s.Prefix + strings.ReplaceAll(row.name, " ", "-"))}
			c.Launcher = c.open()
			row.run(c)
			require.NoError(t, c.Remove(t.Context(), c.id))
			require.NoError(t, c.Remove(t.Context(), c.id), "removing twice is harmless")
			require.Empty(t, s.Left(t, c.id), "something is left behind")
			status, err := c.Status(t.Context(), c.id)
			require.NoError(t, err)
			require.Equal(t, contest.LaunchGone, status.State)
		})
	}
}

// candidate is one row of the exam.
type candidate struct {
	Subject
	Launcher
	t  *testing.T
	id contest.TestID
}

// open returns a launcher that is closed, and its launch removed, also when the
// row fails.
func (c *candidate) open() Launcher {
	l := c.Open(c.t)
	c.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), c.Patience)
		defer cancel()
		_ = l.Remove(ctx, c.id) // has told of itself in the row, or was closed
		l.Close()
	})
	return l
}

// order is a launch of one of the exam's scripts.
func (c *candidate) order(script string) contest.Launch {
	return contest.Launch{
		TestID: c.id, Team: "Good_Team", Scenario: script, Level: contest.Level{Users: 25},
		Env:     map[string]string{"API_URL": "http://me:" + canary + "@127.0.0.1:1/?a=b c"},
		Timeout: contest.Duration(5 * time.Minute), WriteURL: c.WriteURL, WriteToken: canary,
		Generators: c.Generators,
	}
}

// canary stands for a secret.
const canary = "canary-5f2d"

func (c *candidate) start(script string) {
	c.t.Helper()
	require.NoError(c.t, c.Start(c.t.Context(), c.order(script)))
}

// until waits for a state, which comes soon or the launcher is stuck.
func (c *candidate) until(what string, ok func(contest.LaunchStatus) bool) contest.LaunchStatus {
	c.t.Helper()
	for end := time.Now().Add(c.Patience); ; time.Sleep(20 * time.Millisecond) {
		status, err := c.Status(c.t.Context(), c.id)
		if err == nil && ok(status) {
			return status
		}
		if time.Now().After(end) {
			require.FailNow(c.t, "not "+what, "%+v, %v", status, err)
		}
	}
}

// working waits until all generators do something.
func (c *candidate) working() contest.LaunchStatus {
	c.t.Helper()
	return c.until("working", func(s contest.LaunchStatus) bool {
		return s.State == contest.LaunchRunning && s.Progress.VUs > 0 && c.Working(c.t, c.id) == c.Generators
	})
}

// done waits for the end and returns how it was.
func (c *candidate) done() contest.LaunchResult {
	c.t.Helper()
	r := c.until("done", func(s contest.LaunchStatus) bool { return s.State == contest.LaunchDone }).Result
	require.Equal(c.t, c.Generators, r.Generators)
	require.False(c.t, r.Started.IsZero())
	require.False(c.t, r.Ended.Before(r.Started), "%v before %v", r.Ended, r.Started)
	require.NotContains(c.t, r.Trouble+r.Unusable, canary)
	return r
}
