package deployment

import (
	"net/http"
	"slices"
)

// Endpoint is one call of the walk and the statuses that show it working. The
// walk's user is unknown to most services, so being turned away is working too.
type Endpoint struct {
	Method   string
	Path     string
	Query    string
	Body     string // JSON; empty: none
	Accepted []int
	Critical bool // events, bookings, seats and reset
	Safe     bool // only reads
}

const resetPath = "/api/reset"

// seatTaken is the API's own status for a seat that somebody else has.
const seatTaken = 419

// Endpoints lists the 13 calls of the API in the order of the walk. Ids are
// those of HackLoad 2025.
func Endpoints() []Endpoint {
	const (
		booking      = `{"booking_id":1}`
		notification = `{"paymentId":"probe","status":"success","teamSlug":"probe","timestamp":"2025-08-15T00:00:00Z","data":{}}`
	)
	ok, created, found := http.StatusOK, http.StatusCreated, http.StatusFound
	bad, unknown, forbidden, missing := http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound
	return []Endpoint{
		{Method: "GET", Path: "/api/events", Query: "page=1&pageSize=20", Accepted: []int{ok}, Critical: true, Safe: true},
		{Method: "POST", Path: "/api/bookings", Body: `{"event_id":1}`, Accepted: []int{created, bad, unknown, forbidden}, Critical: true},
		{Method: "GET", Path: "/api/bookings", Accepted: []int{ok, unknown, forbidden}, Critical: true, Safe: true},
		{Method: "PATCH", Path: "/api/bookings/initiatePayment", Body: booking, Accepted: []int{found, bad, unknown, forbidden, missing}, Critical: true},
		{Method: "PATCH", Path: "/api/bookings/cancel", Body: booking, Accepted: []int{ok, bad, unknown, forbidden, missing}, Critical: true},
		{Method: "GET", Path: "/api/seats", Query: "event_id=1&page=1&pageSize=20", Accepted: []int{ok, bad, unknown}, Critical: true, Safe: true},
		{Method: "PATCH", Path: "/api/seats/select", Body: `{"booking_id":1,"seat_id":1}`, Accepted: []int{ok, bad, unknown, forbidden, seatTaken}, Critical: true},
		{Method: "PATCH", Path: "/api/seats/release", Body: `{"seat_id":1}`, Accepted: []int{ok, bad, unknown, forbidden, seatTaken}, Critical: true},
		// The gateway sends visitors here, and that settles their order: these write.
		{Method: "GET", Path: "/api/payments/success", Query: "orderId=1", Accepted: []int{ok, bad, missing}},
		{Method: "GET", Path: "/api/payments/fail", Query: "orderId=1", Accepted: []int{ok, bad, missing}},
		{Method: "POST", Path: "/api/payments/notifications", Body: notification, Accepted: []int{ok, bad}},
		{Method: "GET", Path: "/api/analytics", Query: "id=1", Accepted: []int{ok, bad, unknown, missing}, Safe: true},
		{Method: "POST", Path: resetPath, Accepted: []int{ok, http.StatusNoContent}, Critical: true},
	}
}

// planned returns the calls that a rule's walk makes.
func planned(rule string, reset bool) []Endpoint {
	return slices.DeleteFunc(Endpoints(), func(e Endpoint) bool {
		return rule == RuleHTTP && !e.Safe || e.Path == resetPath && !reset
	})
}

// String names the endpoint for people: "GET /api/events".
func (e Endpoint) String() string { return e.Method + " " + e.Path }

func (e Endpoint) url(origin string) string {
	if e.Query == "" {
		return origin + e.Path
	}
	return origin + e.Path + "?" + e.Query
}
