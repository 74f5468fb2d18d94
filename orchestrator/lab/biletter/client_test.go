package biletter_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
	"github.com/hackload-kz/hackload/scenarios"
)

// day is the day that the tests' world begins on.
var day = time.Date(2025, 8, 15, 0, 0, 0, 0, time.UTC)

// sharedWorld is made once: it never changes.
var sharedWorld = sync.OnceValues(func() (*biletter.World, error) { return biletter.NewWorld(day) })

// newService starts a service of a kind on a real socket.
func newService(t testing.TB, kind biletter.Kind, o biletter.Options) *httptest.Server {
	t.Helper()
	world, err := sharedWorld()
	require.NoError(t, err)
	o.World = world
	s, err := biletter.New(kind, o)
	require.NoError(t, err)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server
}

// visitor calls a service as one user.
type visitor struct {
	t      testing.TB
	server *httptest.Server
	user   scenarios.User
}

// visitors returns n active visitors of a service.
func visitors(t testing.TB, server *httptest.Server, n int) []visitor {
	t.Helper()
	users, err := scenarios.SampleUsers()
	require.NoError(t, err)
	all := make([]visitor, 0, n)
	for _, u := range users {
		if u.Active && len(all) < n {
			all = append(all, visitor{t: t, server: server, user: u})
		}
	}
	require.Len(t, all, n)
	return all
}

// call sends a request and returns status and body.
func (v visitor) call(method, path, body string) (int, string) {
	v.t.Helper()
	answer, text := v.do(method, path, body)
	return answer.StatusCode, text
}

func (v visitor) do(method, path, body string) (*http.Response, string) {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.server.URL+path, strings.NewReader(body))
	require.NoError(v.t, err)
	if v.user.Email != "" {
		r.SetBasicAuth(v.user.Email, v.user.Password)
	}
	// RoundTrip, so that a redirect is seen and not followed.
	answer, err := v.server.Client().Transport.RoundTrip(r)
	require.NoError(v.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(v.t, err)
	return answer, string(text)
}

type seat struct {
	ID     int64
	Row    int
	Number int
	Status string
	Price  string
}

type booking struct {
	ID    int64
	Event int64 `json:"event_id"`
	Seats []struct{ ID int64 }
}

func decode[T any](t testing.TB, text string) T {
	t.Helper()
	var value T
	require.NoError(t, json.Unmarshal([]byte(text), &value), text)
	return value
}

func (v visitor) seats(query string) []seat {
	v.t.Helper()
	code, text := v.call("GET", "/api/seats?event_id=1"+query, "")
	require.Equal(v.t, 200, code, text)
	return decode[[]seat](v.t, text)
}

func (v visitor) book() int64 {
	v.t.Helper()
	code, text := v.call("POST", "/api/bookings", `{"event_id":1}`)
	require.Equal(v.t, 201, code, text)
	return decode[struct{ ID int64 }](v.t, text).ID
}

func (v visitor) bookings() []booking {
	v.t.Helper()
	code, text := v.call("GET", "/api/bookings", "")
	require.Equal(v.t, 200, code, text)
	return decode[[]booking](v.t, text)
}
