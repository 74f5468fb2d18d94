package scenarios_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
	"github.com/hackload-kz/hackload/scenarios"
)

// office lays one mistake over a service that is right otherwise.
type office struct {
	service http.Handler
	mistake func(o *office, w http.ResponseWriter, r *http.Request, body []byte)

	turn      sync.Mutex              // for mistakes that do one cancellation at a time
	mu        sync.Mutex              // for cancelled
	cancelled map[int64]*cancellation // by the id of the booking
}

// cancellation is what became of a booking that was cancelled.
type cancellation struct {
	seats []int64 // that it had
	times int     // that it was cancelled
}

func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	o.mistake(o, w, r, body)
}

// ask sends the service a request of the office's own, as whoever r is from.
func (o *office) ask(r *http.Request, method, path string, body any) (status int, answer []byte) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil
	}
	own := httptest.NewRequestWithContext(r.Context(), method, path, bytes.NewReader(text))
	own.Header.Set("Authorization", r.Header.Get("Authorization"))
	rec := httptest.NewRecorder()
	o.service.ServeHTTP(rec, own)
	return rec.Code, rec.Body.Bytes()
}

// pass hands a request on as it came.
func (o *office) pass(w http.ResponseWriter, r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	o.service.ServeHTTP(w, r)
}

// cancel hands a cancellation on, and remembers the seats that it gave back. It
// answers any further one of the same booking itself.
func (o *office) cancel(w http.ResponseWriter, r *http.Request, body []byte) cancellation {
	var wanted struct {
		ID int64 `json:"booking_id"`
	}
	if json.Unmarshal(body, &wanted) != nil {
		o.pass(w, r, body)
		return cancellation{}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if c, done := o.cancelled[wanted.ID]; done {
		c.times++
		return *c
	}
	c := &cancellation{times: 1}
	_, answer := o.ask(r, http.MethodGet, "/api/bookings", nil)
	for _, b := range bookingsIn(answer) {
		if b.ID == wanted.ID {
			for _, s := range b.Seats {
				c.seats = append(c.seats, s.ID)
			}
		}
	}
	o.cancelled[wanted.ID] = c
	o.pass(w, r, body)
	return *c
}

type listedBooking struct {
	ID     int64  `json:"id"`
	Event  int64  `json:"event_id"`
	Status string `json:"status,omitempty"`
	Seats  []struct {
		ID int64 `json:"id"`
	} `json:"seats,omitempty"`
}

func bookingsIn(answer []byte) []listedBooking {
	var bookings []listedBooking
	if json.Unmarshal(answer, &bookings) != nil {
		return nil
	}
	return bookings
}

func is(r *http.Request, method, path string) bool { return r.Method == method && r.URL.Path == path }

func cancels(r *http.Request) bool { return is(r, http.MethodPatch, "/api/bookings/cancel") }

// keep has a booking that nobody knows of hold the seats.
func (o *office) keep(r *http.Request, seats []int64) {
	var booking struct {
		ID int64 `json:"id"`
	}
	_, answer := o.ask(r, http.MethodPost, "/api/bookings", map[string]any{"event_id": 1})
	if json.Unmarshal(answer, &booking) != nil {
		return
	}
	for _, seat := range seats {
		o.ask(r, http.MethodPatch, "/api/seats/select", map[string]any{"booking_id": booking.ID, "seat_id": seat})
	}
}

// free lets the seats go, whoever has them: the service below must let anyone.
func (o *office) free(r *http.Request, seats []int64) {
	for _, seat := range seats {
		o.ask(r, http.MethodPatch, "/api/seats/release", map[string]any{"seat_id": seat})
	}
}

// onceIsNotEnough frees seats when a booking is cancelled for the second time only:
// nothing that only verify does would show it.
func onceIsNotEnough(ghost string) func(*office, http.ResponseWriter, *http.Request, []byte) {
	return func(o *office, w http.ResponseWriter, r *http.Request, body []byte) {
		if !cancels(r) {
			o.pass(w, r, body)
			return
		}
		o.turn.Lock() // the first of two at once keeps the seats before the other frees them
		defer o.turn.Unlock()
		c := o.cancel(w, r, body)
		r.Header.Set("Authorization", ghost)
		switch c.times {
		case 1:
			o.keep(r, c.seats)
		case 2:
			o.free(r, c.seats)
		}
	}
}

// twiceIsTooMuch loses seats when a booking is cancelled twice: nobody does that
// under load.
func twiceIsTooMuch(ghost string) func(*office, http.ResponseWriter, *http.Request, []byte) {
	return func(o *office, w http.ResponseWriter, r *http.Request, body []byte) {
		if !cancels(r) {
			o.pass(w, r, body)
			return
		}
		if c := o.cancel(w, r, body); c.times == 2 {
			r.Header.Set("Authorization", ghost)
			o.keep(r, c.seats)
		}
	}
}

// freesAgain frees a booking's seats each time that it is cancelled, whoever
// has them by then.
func freesAgain(o *office, w http.ResponseWriter, r *http.Request, body []byte) {
	if !cancels(r) {
		o.pass(w, r, body)
		return
	}
	if c := o.cancel(w, r, body); c.times > 1 {
		o.free(r, c.seats)
	}
}

// pretends answers that it cancelled, and does nothing.
func pretends(o *office, w http.ResponseWriter, r *http.Request, body []byte) {
	if !cancels(r) {
		o.pass(w, r, body)
	}
}

// refuses never cancels.
func refuses(o *office, w http.ResponseWriter, r *http.Request, body []byte) {
	if cancels(r) {
		http.Error(w, "not now", 419)
		return
	}
	o.pass(w, r, body)
}

// late takes its time, for cancelling alone.
func late(o *office, w http.ResponseWriter, r *http.Request, body []byte) {
	if cancels(r) {
		time.Sleep(2100 * time.Millisecond)
	}
	o.pass(w, r, body)
}

// hidesSeats lists bookings without their seats.
func hidesSeats(o *office, w http.ResponseWriter, r *http.Request, body []byte) {
	if !is(r, http.MethodGet, "/api/bookings") {
		o.pass(w, r, body)
		return
	}
	_, answer := o.ask(r, http.MethodGet, "/api/bookings", nil)
	bookings := bookingsIn(answer)
	for i := range bookings {
		bookings[i].Seats = nil
	}
	_ = json.NewEncoder(w).Encode(bookings)
}

// hidesHall lists free seats only.
func hidesHall(o *office, w http.ResponseWriter, r *http.Request, body []byte) {
	if status := r.URL.Query().Get("status"); status == "RESERVED" || status == "SOLD" {
		http.Error(w, "no such filter", http.StatusBadRequest)
		return
	}
	o.pass(w, r, body)
}

// ignoresPages gives the first page of taken seats, whichever was asked for.
func ignoresPages(o *office, w http.ResponseWriter, r *http.Request, body []byte) {
	if q := r.URL.Query(); q.Get("status") == "RESERVED" {
		q.Set("page", "1")
		r.URL.RawQuery = q.Encode()
	}
	o.pass(w, r, body)
}

// keepsRecord goes on listing cancelled bookings, and says what they are.
func keepsRecord(o *office, w http.ResponseWriter, r *http.Request, body []byte) {
	switch {
	case cancels(r):
		o.cancel(w, r, body)
	case is(r, http.MethodGet, "/api/bookings"):
		_, answer := o.ask(r, http.MethodGet, "/api/bookings", nil)
		bookings := bookingsIn(answer)
		o.mu.Lock()
		defer o.mu.Unlock()
		for id, c := range o.cancelled { // everybody's: more than a service would
			b := listedBooking{ID: id, Event: 1, Status: "CANCELLED"}
			for _, seat := range c.seats {
				b.Seats = append(b.Seats, struct {
					ID int64 `json:"id"`
				}{seat})
			}
			bookings = append(bookings, b)
		}
		_ = json.NewEncoder(w).Encode(bookings)
	default:
		o.pass(w, r, body)
	}
}

// TestMistakesInCancelling runs the script against services that are right in
// all but one thing: each fails by the threshold that is about it, and a service
// that does the same thing in another way passes.
func TestMistakesInCancelling(t *testing.T) {
	t.Parallel()
	sample, err := scenarios.SampleUsers()
	require.NoError(t, err)
	for !sample[len(sample)-1].Active {
		sample = sample[:len(sample)-1]
	}
	ghost := sample[len(sample)-1]
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	request.SetBasicAuth(ghost.Email, ghost.Password)
	authorization := request.Header.Get("Authorization")
	const passes = ""
	cases := []struct {
		name    string
		kind    biletter.Kind
		mistake func(*office, http.ResponseWriter, *http.Request, []byte)
		fails   string
	}{
		{"seats stay taken", biletter.Leaky, onceIsNotEnough(authorization), "seats_not_freed: count<1"},
		{"seats are lost", biletter.Good, twiceIsTooMuch(authorization), "seats_not_freed: count<1"},
		{"seats are freed at each cancellation", biletter.Leaky, freesAgain, "double_freed_seats: count<1"},
		{"nothing is done", biletter.Good, pretends, "cancel_success{scenario:steady}: rate>0.95"},
		{"it is refused", biletter.Good, refuses, "cancel_success{scenario:steady}: rate>0.95"},
		{"it takes too long", biletter.Good, late, "http_req_duration{name:PATCH /api/bookings/cancel,scenario:steady}: p(95)<2000"},
		{"no seats in a booking", biletter.Good, hidesSeats, "not_provable: count<1"},
		{"taken seats are not listed", biletter.Good, hidesHall, "not_provable: count<1"},
		{"only a page of them is", biletter.Good, ignoresPages, "not_provable: count<1"},
		{"cancelled bookings are kept for the record", biletter.Good, keepsRecord, passes},
	}
	world, err := biletter.NewWorld(time.Now())
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, scenarios.Materialise(scenarios.Files(), dir))
	type outcome struct {
		code int
		told string
	}
	outcomes := make([]outcome, len(cases))
	var group errgroup.Group
	group.SetLimit(4) // much of the time is waiting
	for i, c := range cases {
		service, err := biletter.New(c.kind, biletter.Options{World: world})
		require.NoError(t, err)
		server := httptest.NewServer(&office{service: service, mistake: c.mistake, cancelled: map[int64]*cancellation{}})
		defer server.Close()
		group.Go(func() error {
			// On a machine that is busy with other things too few users may have
			// come to see a mistake that not every one of them meets.
			for _, duration := range []string{"3s", "10s", "30s"} {
				outcomes[i].code, outcomes[i].told = measure(t, filepath.Join(dir, "cancellation.js"), server.URL, "USERS=12", "DURATION="+duration)
				if c.fails == passes || strings.Contains(lastLine(outcomes[i].told), c.fails) {
					break
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := outcomes[i]
			if c.fails == passes {
				require.Equal(t, exitDone, got.code, got.told)
				return
			}
			require.Equal(t, exitThresholds, got.code, got.told)
			require.Contains(t, lastLine(got.told), c.fails)
		})
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
