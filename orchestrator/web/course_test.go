package web

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestMetricStoreIsAskedSeldom(t *testing.T) {
	t.Parallel()
	asked := 0
	var broken error
	c := newCourses(func(context.Context, contest.Run) (*contest.Course, error) {
		asked++
		return &contest.Course{}, broken
	})
	later := time.Now().Add(time.Hour)
	a, b := contest.Run{ID: "a", LaunchedAt: &later}, contest.Run{ID: "b", LaunchedAt: &later}

	course, err := c.of(t.Context(), contest.Run{ID: "never launched"})
	require.NoError(t, err)
	require.Nil(t, course)
	require.Zero(t, asked)

	// One answer serves all who ask while it is fresh.
	_, err = c.of(t.Context(), a)
	require.NoError(t, err)
	c.kept["a"] = kept[*contest.Course]{&contest.Course{}, later}
	for range 5 {
		course, err = c.of(t.Context(), a)
		require.NoError(t, err)
		require.NotNil(t, course)
	}
	require.Equal(t, 1, asked)

	// After a failure nobody asks for a while, and what is known is told.
	broken = errors.New("down")
	_, err = c.of(t.Context(), b)
	require.ErrorIs(t, err, broken)
	require.True(t, c.silent.After(time.Now().Add(-time.Minute)))
	c.silent = later
	_, err = c.of(t.Context(), b)
	require.ErrorContains(t, err, courseSilent)
	_, err = c.of(t.Context(), a)
	require.NoError(t, err)
	require.Equal(t, 2, asked)

	// Few ask at once; who waits for a place does so no longer than they may.
	c.silent = time.Time{}
	for range courseAsks {
		c.places <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.of(ctx, b)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 2, asked)

	// What is kept is bounded.
	for i := range 3 * mostCourses {
		c.keep(contest.RunID(rune(i)), &contest.Course{}, nil)
	}
	require.LessOrEqual(t, len(c.kept), mostCourses)
}
