package biletter

import (
	"fmt"
	"net/http"
)

// Service is one sample team's ticket service. It is an http.Handler, safe for
// concurrent use.
type Service struct {
	world   *World
	office  *boxOffice
	handler http.Handler
}

// New makes a service of a kind that serves (see Team.Serves) with the data of
// o.World. It is an error to ask for Down, Empty or a kind that is none.
func New(kind Kind, o Options) (*Service, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	b, err := behaviourOf(kind, o)
	if err != nil {
		return nil, fmt.Errorf("make sample service: %w", err)
	}
	s := &Service{world: o.World, office: newBoxOffice(b.house, o.World.events.has)}
	s.handler = b.wrap(s.routes())
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Service) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.front)
	mux.HandleFunc("GET /api/events", s.listEvents)
	mux.HandleFunc("POST /api/bookings", s.member(s.openBooking))
	mux.HandleFunc("GET /api/bookings", s.member(s.listBookings))
	mux.HandleFunc("PATCH /api/bookings/initiatePayment", s.member(s.startPayment))
	mux.HandleFunc("PATCH /api/bookings/cancel", s.member(s.cancelBooking))
	mux.HandleFunc("GET /api/seats", s.member(s.listSeats))
	mux.HandleFunc("PATCH /api/seats/select", s.member(s.selectSeat))
	mux.HandleFunc("PATCH /api/seats/release", s.member(s.releaseSeat))
	mux.HandleFunc("GET /api/payments/success", s.paymentResult(true))
	mux.HandleFunc("GET /api/payments/fail", s.paymentResult(false))
	mux.HandleFunc("POST /api/payments/notifications", s.paymentNotification)
	mux.HandleFunc("GET /api/analytics", s.member(s.analytics))
	mux.HandleFunc("POST /api/reset", s.reset)
	return mux
}

// front is the page that a visitor of the bare address sees.
func (s *Service) front(w http.ResponseWriter, _ *http.Request) {
	sendEncoded(w, http.StatusOK, []byte(`{"service":"biletter","api":"/api/events"}`))
}
