package roster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

var errDown = errors.New("connection refused")

// scripted is a source that answers as it is told and counts how often it was
// asked.
type scripted struct {
	name  string
	delay time.Duration
	asked atomic.Int32
	mu    sync.Mutex
	teams []contest.Team
	err   error
}

func (s *scripted) Name() string { return s.name }

func (s *scripted) say(err error, teams ...contest.Team) *scripted {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.teams = err, teams
	return s
}

func (s *scripted) Teams(ctx context.Context, _ string) ([]contest.Team, error) {
	s.asked.Add(1)
	select {
	case <-time.After(s.delay):
	case <-ctx.Done():
		return nil, fmt.Errorf("ask %s: %w", s.name, ctx.Err())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.teams, s.err
}

func source(name string, teams ...contest.Team) *scripted {
	return (&scripted{name: name}).say(nil, teams...)
}

func slugs(teams []contest.Team) (list []string) {
	for _, t := range teams {
		list = append(list, string(t.Slug))
	}
	return list
}

func TestFirstThatAnswersWins(t *testing.T) {
	t.Parallel()
	a, b := contest.Team{Slug: "a"}, contest.Team{Slug: "b"}
	down := func(name string) *scripted { return source(name).say(errDown) }
	for name, row := range map[string]struct {
		sources []Source
		want    []string
		wantErr string
	}{
		"one":                  {sources: []Source{source("hub", a)}, want: []string{"a"}},
		"in order of slug":     {sources: []Source{source("hub", b, a)}, want: []string{"a", "b"}},
		"second is only asked": {sources: []Source{source("hub", a), source("file", b)}, want: []string{"a"}},
		"first is down":        {sources: []Source{down("hub"), source("file", b)}, want: []string{"b"}},
		"second is down":       {sources: []Source{source("hub", a), down("file")}, want: []string{"a"}},
		"an empty answer wins": {sources: []Source{source("hub"), source("file", b)}},
		"all are down": {
			sources: []Source{down("hub"), down("file")},
			wantErr: "read teams from hub: connection refused\nread teams from file: connection refused",
		},
		"no source": {wantErr: "no source of teams is configured"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			teams, err := Combine(row.sources...).Teams(t.Context(), "")
			if row.wantErr != "" {
				require.ErrorContains(t, err, row.wantErr)
				return
			}
			require.NoError(t, err)
			require.Equal(t, row.want, slugs(teams))
		})
	}
}

func TestServicesThatStartTogetherAskOnce(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]error{"answer": nil, "failure": errDown} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hub := source("hub").say(failure, contest.Team{Slug: "a"})
				hub.delay = time.Second
				r := Combine(hub)
				var all sync.WaitGroup
				for range 4 {
					all.Go(func() {
						teams, err := r.Teams(t.Context(), "")
						if failure != nil {
							require.ErrorIs(t, err, failure)
							return
						}
						require.NoError(t, err)
						teams[0].Notes = append(teams[0].Notes, "mine alone") // a race if it were shared
					})
				}
				all.Wait()
				require.EqualValues(t, 1, hub.asked.Load())
			})
		})
	}
}

func TestAnswersAreKeptForAShortTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := source("hub", contest.Team{Slug: "a"})
		r := Combine(hub)
		ask := func(hackathon string, want int32) {
			t.Helper()
			_, _ = r.Teams(t.Context(), hackathon)
			require.Equal(t, want, hub.asked.Load())
		}
		ask("2025", 1)
		time.Sleep(30*time.Second - time.Nanosecond)
		ask("2025", 1)
		time.Sleep(time.Nanosecond)
		ask("2025", 2)
		ask("2026", 3) // another hackathon is another question
		hub.say(errDown)
		time.Sleep(time.Minute)
		ask("2026", 4)
		time.Sleep(time.Nanosecond)
		ask("2026", 5) // a failure is not kept
	})
}

func TestOneCallerThatLeavesStopsNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := source("hub", contest.Team{Slug: "a"})
		hub.delay = 10 * time.Second
		r := Combine(hub)
		leaving, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		impatient, stop := context.WithTimeout(t.Context(), time.Millisecond)
		defer stop()
		var all sync.WaitGroup
		all.Go(func() {
			_, err := r.Teams(leaving, "")
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
		synctest.Wait() // it has the turn
		all.Go(func() {
			teams, err := r.Teams(t.Context(), "")
			require.NoError(t, err)
			require.Equal(t, []string{"a"}, slugs(teams))
		})
		all.Go(func() {
			_, err := r.Teams(impatient, "")
			require.ErrorContains(t, err, "wait for who reads the teams")
		})
		all.Wait()
		require.EqualValues(t, 2, hub.asked.Load())
	})
}

func TestASlowComparisonHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub, slow := source("hub", contest.Team{Slug: "a"}), source("database")
		slow.delay = time.Hour
		r := Combine(hub, slow)
		start := time.Now()
		teams, err := r.Teams(t.Context(), "")
		require.NoError(t, err)
		require.Len(t, teams, 1)
		require.Equal(t, 5*time.Second, time.Since(start))
		require.Equal(t, []string{"database was passed over: it had not answered when the wait for it ended"}, r.Findings())

		// The first is waited for as long as it may take, not just for a while.
		r = Combine(slow, hub)
		start = time.Now()
		teams, err = r.Teams(t.Context(), "")
		require.NoError(t, err)
		require.Len(t, teams, 1)
		require.Equal(t, time.Minute, time.Since(start))
	})
}

func TestFindingsAreToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		team := contest.Team{Slug: "a", Name: "A"}
		hub, file := source("hub", team), source("file")
		r := Combine(hub, file)
		var told []string
		r.Tell = func(finding string) { told = append(told, finding) }
		again := func() []string {
			told = nil
			time.Sleep(time.Minute)
			_, _ = r.Teams(t.Context(), "")
			return told
		}
		file.say(errors.New("dial from port 1: refused"))
		require.Len(t, again(), 1)
		file.say(errors.New("dial from port 2: refused"))
		require.Empty(t, again(), "the same trouble in other words")
		require.Len(t, r.Findings(), 1, "it is still true")
		hub.say(errDown)
		require.Empty(t, again(), "the caller gets the error")
		hub.say(nil, team)
		require.Empty(t, again())
		file.say(nil, team)
		require.Empty(t, again())
		require.Empty(t, r.Findings())
		file.say(errDown)
		require.Len(t, again(), 1, "it failed anew")
	})
}
