package biletter_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
	"github.com/hackload-kz/hackload/scenarios"
)

func inactiveUser(t *testing.T) scenarios.User {
	t.Helper()
	users, err := scenarios.SampleUsers()
	require.NoError(t, err)
	for _, u := range users {
		if !u.Active {
			return u
		}
	}
	require.Fail(t, "the sample has no inactive user")
	return scenarios.User{}
}

func TestSeats(t *testing.T) {
	t.Parallel()
	v := visitors(t, newService(t, biletter.Good, biletter.Options{}), 1)[0]
	first := v.seats("&pageSize=5")
	require.Len(t, first, 5)
	require.Equal(t, seat{ID: 1, Row: 1, Number: 1, Status: "FREE", Price: "200000.00"}, first[0])
	last := v.seats("&page=500")
	require.Len(t, last, 20)
	require.Equal(t, seat{ID: 10_000, Row: 100, Number: 100, Status: "FREE", Price: "40000.00"}, last[19])
	require.Empty(t, v.seats("&page=501"))
	require.Equal(t, 42, v.seats("&row=42&page=5")[0].Row)
	require.Empty(t, v.seats("&row=42&page=6"))
	require.Empty(t, v.seats("&row=101"))
	require.Empty(t, v.seats("&status=SOLD"))

	code, text := v.call("GET", "/api/seats?event_id=2", "")
	require.Equal(t, 200, code)
	require.Equal(t, "[]", text, "only the concert has seats, and no list is null")
}

// TestTakenSeatsLeaveTheFreePages takes every other seat of two rows and looks
// at each page of what is left.
func TestTakenSeatsLeaveTheFreePages(t *testing.T) {
	t.Parallel()
	v := visitors(t, newService(t, biletter.Good, biletter.Options{}), 1)[0]
	id := v.book()
	taken := map[int64]bool{}
	for n := int64(2); n <= 200; n += 2 {
		require.Equal(t, 200, v.selectSeat(id, n))
		taken[n] = true
	}
	seen := map[int64]bool{}
	for page := 1; page <= 495; page++ {
		for _, s := range v.seats(fmt.Sprintf("&status=FREE&page=%d", page)) {
			require.False(t, taken[s.ID], "taken")
			seen[s.ID] = true
		}
	}
	require.Len(t, seen, 10_000-100, "each free seat is on one page")
	require.Len(t, v.seats("&status=RESERVED&page=5"), 20)
	require.Empty(t, v.seats("&status=RESERVED&page=6"))
	require.Len(t, v.seats("&status=FREE&row=2&page=3"), 10)
}

func (v visitor) selectSeat(booking, seat int64) int {
	v.t.Helper()
	code, _ := v.call("PATCH", "/api/seats/select", fmt.Sprintf(`{"booking_id":%d,"seat_id":%d}`, booking, seat))
	return code
}

func (v visitor) release(seat int64) int {
	v.t.Helper()
	code, _ := v.call("PATCH", "/api/seats/release", fmt.Sprintf(`{"seat_id":%d}`, seat))
	return code
}

func (v visitor) cancel(booking int64) int {
	v.t.Helper()
	code, _ := v.call("PATCH", "/api/bookings/cancel", fmt.Sprintf(`{"booking_id":%d}`, booking))
	return code
}

func TestOneOwner(t *testing.T) {
	t.Parallel()
	both := visitors(t, newService(t, biletter.Good, biletter.Options{}), 2)
	owner, stranger := both[0], both[1]
	mine, theirs := owner.book(), stranger.book()

	require.Equal(t, 200, owner.selectSeat(mine, 7))
	require.Equal(t, 419, stranger.selectSeat(theirs, 7), "taken")
	require.Equal(t, 419, owner.selectSeat(mine, 7), "taken, by oneself")
	require.Equal(t, 403, stranger.selectSeat(mine, 8), "into another's booking")
	require.Equal(t, 403, stranger.release(7))
	require.Equal(t, 403, stranger.cancel(mine))
	require.Equal(t, []booking{{ID: mine, Event: 1, Seats: []struct{ ID int64 }{{7}}}}, owner.bookings())
	require.Equal(t, []booking{{ID: theirs, Event: 1, Seats: []struct{ ID int64 }{}}}, stranger.bookings())

	require.Equal(t, 200, owner.release(7))
	require.Equal(t, 419, owner.release(7), "twice")
	require.Equal(t, 200, stranger.selectSeat(theirs, 7), "free again")
	require.Equal(t, 200, owner.selectSeat(mine, 8))
	require.Equal(t, 200, owner.cancel(mine))
	require.Equal(t, 404, owner.cancel(mine), "twice")
	require.Empty(t, owner.bookings())
	require.Equal(t, 200, stranger.selectSeat(theirs, 8), "freed by cancelling")
}

func TestPayment(t *testing.T) {
	t.Parallel()
	both := visitors(t, newService(t, biletter.Good, biletter.Options{}), 2)
	owner, stranger := both[0], both[1]
	id := owner.book()
	pay := fmt.Sprintf(`{"booking_id":%d}`, id)
	code, _ := owner.call("PATCH", "/api/bookings/initiatePayment", pay)
	require.Equal(t, 419, code, "nothing to pay for")
	require.Equal(t, 200, owner.selectSeat(id, 1))
	code, _ = stranger.call("PATCH", "/api/bookings/initiatePayment", pay)
	require.Equal(t, 403, code)

	answer, _ := owner.do("PATCH", "/api/bookings/initiatePayment", pay)
	require.Equal(t, 302, answer.StatusCode)
	success := answer.Header.Get("Location")
	require.Contains(t, success, "/api/payments/success?orderId=")
	code, _ = owner.call("GET", "/api/payments/fail?"+success[len("/api/payments/success?"):], "")
	require.Equal(t, 200, code)
	require.Equal(t, "RESERVED", owner.seats("&pageSize=1")[0].Status, "a failed payment sells nothing")
	code, _ = owner.call("GET", success, "")
	require.Equal(t, 200, code)

	require.Equal(t, "SOLD", owner.seats("&pageSize=1")[0].Status)
	require.Equal(t, 419, owner.release(1), "sold")
	require.Equal(t, 419, owner.cancel(id), "paid")
	require.Equal(t, 419, owner.selectSeat(id, 2), "into a paid booking")
	_, text := owner.call("GET", "/api/analytics?id=1", "")
	require.JSONEq(t, `{"event_id":1,"total_seats":10000,"sold_seats":1,"reserved_seats":0,"free_seats":9999,
		"total_revenue":"200000.00","bookings_count":1}`, text)
}

func TestPaymentByNotification(t *testing.T) {
	t.Parallel()
	v := visitors(t, newService(t, biletter.Good, biletter.Options{}), 1)[0]
	id := v.book()
	require.Equal(t, 200, v.selectSeat(id, 1))
	answer, _ := v.do("PATCH", "/api/bookings/initiatePayment", fmt.Sprintf(`{"booking_id":%d}`, id))
	order := answer.Header.Get("Location")[len("/api/payments/success?orderId="):]
	for _, step := range []struct{ payment, status, seat string }{
		{order, "REJECTED", "RESERVED"},
		{"unknown", "CONFIRMED", "RESERVED"},
		{order, "CONFIRMED", "SOLD"},
		{order, "CONFIRMED", "SOLD"},
	} {
		body := fmt.Sprintf(`{"paymentId":%q,"status":%q,"teamSlug":"good","timestamp":"2025-08-15T00:00:00Z","data":{}}`, step.payment, step.status)
		code, _ := v.call("POST", "/api/payments/notifications", body)
		require.Equal(t, 200, code)
		require.Equal(t, step.seat, v.seats("&pageSize=1")[0].Status)
	}
}

func TestResetBringsTheStartBackWithNewSeatIDs(t *testing.T) {
	t.Parallel()
	v := visitors(t, newService(t, biletter.Good, biletter.Options{}), 1)[0]
	old := v.book()
	require.Equal(t, 200, v.selectSeat(old, 1))

	code, _ := v.call("POST", "/api/reset", "")
	require.Equal(t, 200, code)
	require.Empty(t, v.bookings())
	require.Equal(t, int64(10_001), v.seats("&status=FREE&pageSize=1")[0].ID)
	require.Equal(t, 404, v.selectSeat(old, 10_001), "bookings are gone")
	id := v.book()
	require.NotEqual(t, old, id)
	require.Equal(t, 404, v.selectSeat(id, 1), "old seat ids are gone")
	require.Equal(t, 200, v.selectSeat(id, 10_001))
}
