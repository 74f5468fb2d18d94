package biletter_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
)

func TestEvents(t *testing.T) {
	t.Parallel()
	nobody := visitor{t: t, server: newService(t, biletter.Good, biletter.Options{})}
	type event struct {
		ID    int64
		Title string
	}
	cases := []struct {
		name, query string
		want        int    // events on the page
		each        string // in each title, in lower case
	}{
		{"without parameters", "", 20, ""},
		{"a small page", "?page=2&pageSize=3", 3, ""},
		{"the last page", "?page=1100&pageSize=20", 20, ""},
		{"behind the last page", "?page=1101&pageSize=20", 0, ""},
		{"a word in another case", "?query=%D0%9A%D0%9E%D0%9D%D0%A6%D0%95%D0%A0%D0%A2", 20, "концерт"},
		{"two words", "?query=%D0%94%D0%BC%D0%B8%D1%82%D1%80%D0%B8%D0%B9%20%D0%9A%D0%BE%D0%B7%D0%BB%D0%BE%D0%B2", 20, "дмитрий козлов"},
		{"quotation marks", "?query=%D0%AD%D0%BA%D1%81%D0%BF%D0%BE%D0%B7%D0%B8%D1%86%D0%B8%D1%8F%20%22%D0%97%D0%B2%D0%B5%D0%B7%D0%B4%D0%BD%D1%8B%D0%B5%20%D0%B2%D0%BE%D0%B9%D0%BD%D1%8B%22&pageSize=5", 5, `"звездные войны"`},
		{"words apart", "?query=%D0%9A%D0%BE%D0%B7%D0%BB%D0%BE%D0%B2+%D0%9A%D0%BE%D0%BD%D1%86%D0%B5%D1%80%D1%82", 20, "концерт: дмитрий козлов"},
		{"a word on a day", "?query=%D0%9A%D0%BE%D0%BD%D1%86%D0%B5%D1%80%D1%82&date=2016-03-08", 2, "концерт"},
		{"a day of the archive", "?date=2024-12-25", 5, ""},
		{"a day that has nothing", "?date=1999-01-01", 0, ""},
		{"a word that nothing has", "?query=xyzzy&date=2024-12-25", 0, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, text := nobody.call("GET", "/api/events"+c.query, "")
			require.Equal(t, 200, code, text)
			events := decode[[]event](t, text)
			require.Len(t, events, c.want)
			for _, e := range events {
				assert.Contains(t, strings.ToLower(e.Title), c.each)
			}
		})
	}

	t.Run("pages do not overlap", func(t *testing.T) {
		seen := map[int64]bool{}
		for page := 1; page <= 5; page++ {
			_, text := nobody.call("GET", fmt.Sprintf("/api/events?query=%%D0%%90%%D0%%B7%%D0%%B0%%D1%%80%%D1%%82&page=%d&pageSize=7", page), "")
			for _, e := range decode[[]event](t, text) {
				require.False(t, seen[e.ID])
				seen[e.ID] = true
			}
		}
		require.Len(t, seen, 35)
	})
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	v := visitors(t, newService(t, biletter.Good, biletter.Options{}), 1)[0]
	cases := []struct {
		name, method, path, body string
		want                     int
	}{
		{"page 0", "GET", "/api/events?page=0", "", 400},
		{"page that is no number", "GET", "/api/events?page=one", "", 400},
		{"page beyond all numbers", "GET", "/api/events?page=99999999999999999999", "", 400},
		{"page size above 20", "GET", "/api/events?pageSize=21", "", 400},
		{"page size 0", "GET", "/api/seats?event_id=1&pageSize=0", "", 400},
		{"a date that is none", "GET", "/api/events?date=2024-02-30", "", 400},
		{"seats of no event", "GET", "/api/seats", "", 400},
		{"seats of an unknown event", "GET", "/api/seats?event_id=99999", "", 404},
		{"a status that is none", "GET", "/api/seats?event_id=1&status=GONE", "", 400},
		{"a row below 1", "GET", "/api/seats?event_id=1&row=-1", "", 400},
		{"a body that is no JSON", "POST", "/api/bookings", "event", 400},
		{"a body of another type", "PATCH", "/api/seats/select", `{"seat_id":"one"}`, 400},
		{"an endless body", "PATCH", "/api/seats/release", `{"x":"` + strings.Repeat("a", 1<<20) + `"}`, 400},
		{"a booking of an unknown event", "POST", "/api/bookings", `{"event_id":99999}`, 404},
		{"select into no booking", "PATCH", "/api/seats/select", `{"booking_id":77,"seat_id":1}`, 404},
		{"release of no seat", "PATCH", "/api/seats/release", `{"seat_id":777777}`, 404},
		{"release of a free seat", "PATCH", "/api/seats/release", `{"seat_id":1}`, 419},
		{"cancel of no booking", "PATCH", "/api/bookings/cancel", `{"booking_id":77}`, 404},
		{"payment of no booking", "PATCH", "/api/bookings/initiatePayment", `{"booking_id":77}`, 404},
		{"success of no order", "GET", "/api/payments/success?orderId=none", "", 404},
		{"failure of no order", "GET", "/api/payments/fail", "", 404},
		{"a notification that is no JSON", "POST", "/api/payments/notifications", "<xml/>", 400},
		{"analytics of nothing", "GET", "/api/analytics", "", 400},
		{"analytics of an unknown event", "GET", "/api/analytics?id=99999", "", 404},
		{"an unknown route", "GET", "/api/nothing", "", 404},
		{"a wrong method", "DELETE", "/api/bookings", "", 405},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, text := v.call(c.method, c.path, c.body)
			require.Equal(t, c.want, code, text)
		})
	}
}

func TestWhoMayEnter(t *testing.T) {
	t.Parallel()
	server := newService(t, biletter.Good, biletter.Options{})
	right := visitors(t, server, 1)[0]
	wrong, stranger, nobody := right, right, right
	wrong.user.Password += "!"
	stranger.user.Email = "stranger@example.kz"
	nobody.user.Email = ""
	inactive := right
	inactive.user = inactiveUser(t)

	closed := []struct{ method, path string }{
		{"GET", "/api/bookings"}, {"POST", "/api/bookings"},
		{"PATCH", "/api/bookings/initiatePayment"}, {"PATCH", "/api/bookings/cancel"},
		{"GET", "/api/seats?event_id=1"}, {"PATCH", "/api/seats/select"}, {"PATCH", "/api/seats/release"},
		{"GET", "/api/analytics?id=1"},
	}
	for _, c := range closed {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			for who, v := range map[string]visitor{"wrong password": wrong, "stranger": stranger, "nobody": nobody, "inactive": inactive} {
				answer, _ := v.do(c.method, c.path, "{}")
				require.Equal(t, 401, answer.StatusCode, who)
				require.Contains(t, answer.Header.Get("WWW-Authenticate"), "Basic")
			}
			code, _ := right.call(c.method, c.path, "{}")
			require.NotEqual(t, 401, code)
		})
	}
}

// TestEveryActiveUserEnters covers passwords with colons, quotes and
// backslashes, and e-mails beyond ASCII.
func TestEveryActiveUserEnters(t *testing.T) {
	t.Parallel()
	for _, v := range visitors(t, newService(t, biletter.Good, biletter.Options{}), 160) {
		require.Empty(t, v.bookings(), v.user.Email)
	}
}

func TestFrontPage(t *testing.T) {
	t.Parallel()
	nobody := visitor{t: t, server: newService(t, biletter.Good, biletter.Options{})}
	code, text := nobody.call("GET", "/", "")
	require.Equal(t, 200, code)
	require.JSONEq(t, `{"service":"biletter","api":"/api/events"}`, text)
	code, _ = nobody.call("GET", "/nothing", "")
	require.Equal(t, 404, code)
}
