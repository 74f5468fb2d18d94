package biletter_test

import (
	"context"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
)

func TestTeamsSayWhichServe(t *testing.T) {
	t.Parallel()
	var slugs []string
	for _, team := range biletter.Teams() {
		slugs = append(slugs, team.Slug)
		world, err := sharedWorld()
		require.NoError(t, err)
		_, err = biletter.New(team.Kind, biletter.Options{World: world})
		require.Equal(t, team.Serves, err == nil, team.Slug)
		require.True(t, team.Endpoint || !team.Serves, "who serves has an endpoint")
	}
	require.Equal(t, []string{"good", "slow", "flaky", "oversold", "leaky", "down", "empty"}, slugs)
}

func TestFlakyFailsEveryTwelfthRequest(t *testing.T) {
	t.Parallel()
	v := visitor{t: t, server: newService(t, biletter.Flaky, biletter.Options{})}
	for n := 1; n <= 36; n++ {
		want := 200
		if n%12 == 0 {
			want = 500
		}
		code, _ := v.call("GET", "/api/events", "")
		require.Equal(t, want, code, n)
	}
}

// TestSlowAnswersLate runs in a bubble of fake time, so it does not wait.
func TestSlowAnswersLate(t *testing.T) {
	t.Parallel()
	world, err := sharedWorld()
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		slow, err := biletter.New(biletter.Slow, biletter.Options{World: world})
		require.NoError(t, err)
		began := time.Now()
		answer := httptest.NewRecorder()
		slow.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/api/events", nil))
		require.Equal(t, 2300*time.Millisecond, time.Since(began))
		require.Equal(t, 200, answer.Code)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		slow.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/api/events", nil))
		require.Equal(t, time.Second, time.Since(began), "a client that left is not waited for")
	})
}

func TestLeakyLetsStrangersFreeSeats(t *testing.T) {
	t.Parallel()
	both := visitors(t, newService(t, biletter.Leaky, biletter.Options{}), 2)
	owner, stranger := both[0], both[1]
	id := owner.book()
	require.Equal(t, 200, owner.selectSeat(id, 1))
	require.Equal(t, 403, stranger.selectSeat(id, 2), "selecting is guarded all the same")
	require.Equal(t, 200, stranger.release(1))
	require.Equal(t, 200, stranger.cancel(id))
	require.Empty(t, owner.bookings())
}

// TestContention lets many visitors reach for the same seats at once: a good
// service sells each once, an oversold one does not.
func TestContention(t *testing.T) {
	t.Parallel()
	const contestants, seats = 12, 25
	cases := []struct {
		kind    biletter.Kind
		correct bool
	}{{biletter.Good, true}, {biletter.Leaky, true}, {biletter.Oversold, false}}
	for _, c := range cases {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Parallel()
			all := visitors(t, newService(t, c.kind, biletter.Options{}), contestants)
			reach(t, all, seats)
			holders := map[int64]int{}
			for _, v := range all {
				for _, b := range v.bookings() {
					for _, s := range b.Seats {
						holders[s.ID]++
					}
				}
			}
			require.Len(t, holders, seats, "every seat went to somebody")
			twice := 0
			for _, n := range holders {
				if n > 1 {
					twice++
				}
			}
			if c.correct {
				require.Zero(t, twice)
			} else {
				require.Positive(t, twice)
			}
		})
	}
}

// reach lets all visitors select each seat at the same moment.
func reach(t *testing.T, all []visitor, seats int64) {
	t.Helper()
	ids := make([]int64, len(all))
	for i, v := range all {
		ids[i] = v.book()
	}
	for seat := int64(1); seat <= seats; seat++ {
		codes := make([]int, len(all))
		var group sync.WaitGroup
		for i, v := range all {
			group.Go(func() { codes[i] = v.selectSeat(ids[i], seat) })
		}
		group.Wait()
		for _, code := range codes {
			require.Contains(t, []int{200, 419}, code)
		}
	}
}

func TestOversoldIsRightForOneVisitor(t *testing.T) {
	t.Parallel()
	both := visitors(t, newService(t, biletter.Oversold, biletter.Options{}), 2)
	first, second := both[0].book(), both[1].book()
	require.Equal(t, 200, both[0].selectSeat(first, 1))
	require.Equal(t, 419, both[1].selectSeat(second, 1))
	require.Equal(t, 403, both[1].selectSeat(first, 2))
	require.Equal(t, 404, both[1].selectSeat(second, 77_777))
}
