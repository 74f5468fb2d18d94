package biletter

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

func (s *Service) listEvents(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p, err := readPage(q)
	if err != nil {
		badRequest(w, err)
		return
	}
	day, err := readDay(q)
	if err != nil {
		badRequest(w, err)
		return
	}
	const typical = 2 << 10
	sendEncoded(w, http.StatusOK, s.world.events.search(make([]byte, 0, typical), q.Get("query"), day, p))
}

// seatAnswer is a seat in GET /api/seats.
type seatAnswer struct {
	ID     int64  `json:"id"`
	Row    int    `json:"row"`
	Number int    `json:"number"`
	Status string `json:"status"`
	Price  string `json:"price"`
}

func (s *Service) listSeats(w http.ResponseWriter, r *http.Request, _ int64) {
	event, filter, err := readSeatFilter(r.URL.Query())
	if err != nil {
		badRequest(w, err)
		return
	}
	if !s.world.events.has(event) {
		refuse(w, errUnknown)
		return
	}
	answer := []seatAnswer{}
	if event == stadiumEvent {
		for _, v := range s.office.list(filter) {
			answer = append(answer, seatAnswer{v.id, v.row, v.number, statusNames[v.status], tenge(v.price)})
		}
	}
	sendJSON(w, http.StatusOK, answer)
}

func readSeatFilter(q url.Values) (event int64, f seatFilter, err error) {
	if event, err = readInt(q, "event_id", 1, 1<<62, 0); err != nil {
		return 0, f, err
	}
	if event == 0 {
		return 0, f, errors.New("event_id is required")
	}
	if f.page, err = readPage(q); err != nil {
		return 0, f, err
	}
	row, err := readInt(q, "row", 1, maxPage, 0)
	if err != nil {
		return 0, f, err
	}
	f.row = int(row)
	if word := q.Get("status"); word != "" {
		status, known := parseStatus(strings.ToUpper(word))
		if !known {
			return 0, f, errors.New("status must be FREE, RESERVED or SOLD")
		}
		f.status = &status
	}
	return event, f, nil
}

func (s *Service) selectSeat(w http.ResponseWriter, r *http.Request, user int64) {
	var body struct {
		Booking int64 `json:"booking_id"`
		Seat    int64 `json:"seat_id"`
	}
	if err := readBody(w, r, &body); err != nil {
		badRequest(w, err)
		return
	}
	done(w, s.office.selectSeat(user, body.Booking, body.Seat))
}

func (s *Service) releaseSeat(w http.ResponseWriter, r *http.Request, user int64) {
	var body struct {
		Seat int64 `json:"seat_id"`
	}
	if err := readBody(w, r, &body); err != nil {
		badRequest(w, err)
		return
	}
	done(w, s.office.release(user, body.Seat))
}

// idAnswer is what was made, or a seat inside a booking.
type idAnswer struct {
	ID int64 `json:"id"`
}

// bookingAnswer is a booking in GET /api/bookings.
type bookingAnswer struct {
	ID    int64      `json:"id"`
	Event int64      `json:"event_id"`
	Seats []idAnswer `json:"seats"`
}

func (s *Service) openBooking(w http.ResponseWriter, r *http.Request, user int64) {
	var body struct {
		Event int64 `json:"event_id"`
	}
	if err := readBody(w, r, &body); err != nil {
		badRequest(w, err)
		return
	}
	id, err := s.office.open(user, body.Event)
	if err != nil {
		refuse(w, err)
		return
	}
	sendJSON(w, http.StatusCreated, idAnswer{id})
}

func (s *Service) listBookings(w http.ResponseWriter, _ *http.Request, user int64) {
	answer := []bookingAnswer{}
	for _, b := range s.office.bookingsOf(user) {
		seats := make([]idAnswer, len(b.seats))
		for i, id := range b.seats {
			seats[i] = idAnswer{id}
		}
		answer = append(answer, bookingAnswer{b.id, b.event, seats})
	}
	sendJSON(w, http.StatusOK, answer)
}

func (s *Service) cancelBooking(w http.ResponseWriter, r *http.Request, user int64) {
	booking, err := readBooking(w, r)
	if err != nil {
		badRequest(w, err)
		return
	}
	done(w, s.office.cancel(user, booking))
}

func readBooking(w http.ResponseWriter, r *http.Request) (id int64, err error) {
	var body struct {
		Booking int64 `json:"booking_id"`
	}
	err = readBody(w, r, &body)
	return body.Booking, err
}

// analytics tells how an event sells.
func (s *Service) analytics(w http.ResponseWriter, r *http.Request, _ int64) {
	event, err := readInt(r.URL.Query(), "id", 1, 1<<62, 0)
	if err != nil || event == 0 {
		badRequest(w, errors.New("id must be the number of an event"))
		return
	}
	if !s.world.events.has(event) {
		refuse(w, errUnknown)
		return
	}
	sales := s.office.report(event)
	sendJSON(w, http.StatusOK, struct {
		Event    int64  `json:"event_id"`
		Total    int    `json:"total_seats"`
		Sold     int    `json:"sold_seats"`
		Reserved int    `json:"reserved_seats"`
		Free     int    `json:"free_seats"`
		Revenue  string `json:"total_revenue"`
		Bookings int    `json:"bookings_count"`
	}{event, sales.total, sales.sold, sales.reserved, sales.free, tenge(sales.revenue), sales.bookings})
}

func (s *Service) reset(w http.ResponseWriter, _ *http.Request) {
	s.office.reset()
	w.WriteHeader(http.StatusOK)
}
