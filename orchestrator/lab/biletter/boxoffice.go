package biletter

import (
	"errors"
	"slices"
	"strconv"
	"sync"
)

// What the box office refuses. The handlers turn these into statuses.
var (
	errNotOwner = errors.New("this booking belongs to somebody else")
	errTaken    = errors.New("this seat is already taken")
	errState    = errors.New("this cannot be done in the present state")
	errUnknown  = errors.New("there is no such thing")
)

// boxOffice keeps the seats of the concert and everybody's bookings. Its
// methods are safe for concurrent use.
type boxOffice struct {
	house  houseRules
	events func(id int64) bool // whether an event exists

	mu        sync.RWMutex
	firstSeat int64  // id of the first seat: moves on with each reset
	seats     []seat // by place
	free      [rows]int
	bookings  map[int64]*booking // ids stay unique over resets
	byUser    map[int64][]*booking
	byOrder   map[string]*booking
	last      int64 // the newest booking's id
}

// houseRules are what the kinds of services do differently when they sell.
type houseRules struct {
	mayFree    func(user int64, b *booking) bool // release a seat of b, cancel b
	careless   bool                              // look and sale are two steps, not one
	beforeSale func()                            // what happens between the two
}

func isOwner(user int64, b *booking) bool { return b.user == user }

type seat struct {
	status status
	holder *booking // nil when free
}

type booking struct {
	id, user, event int64
	seats           []int64 // ids
	order           string  // of the payment, once it began
	paid            bool
}

func newBoxOffice(house houseRules, events func(int64) bool) *boxOffice {
	o := &boxOffice{house: house, events: events, firstSeat: 1}
	o.clearLocked()
	return o
}

// reset brings the initial data back. Seats get new ids, as they do in services
// that take their seats from a provider.
func (o *boxOffice) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.firstSeat += seatCount
	o.clearLocked()
}

func (o *boxOffice) clearLocked() {
	o.seats = make([]seat, seatCount)
	for row := range o.free {
		o.free[row] = seatsPerRow
	}
	o.bookings = map[int64]*booking{}
	o.byUser = map[int64][]*booking{}
	o.byOrder = map[string]*booking{}
}

// open makes an empty booking and returns its id.
func (o *boxOffice) open(user, event int64) (int64, error) {
	if !o.events(event) {
		return 0, errUnknown
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.last++
	b := &booking{id: o.last, user: user, event: event}
	o.bookings[b.id] = b
	o.byUser[user] = append(o.byUser[user], b)
	return b.id, nil
}

// bookingsOf returns copies of a user's bookings, in the order they were made.
func (o *boxOffice) bookingsOf(user int64) []booking {
	o.mu.RLock()
	defer o.mu.RUnlock()
	own := make([]booking, 0, len(o.byUser[user]))
	for _, b := range o.byUser[user] {
		c := *b
		c.seats = slices.Clone(b.seats)
		own = append(own, c)
	}
	return own
}

// selectSeat takes a free seat into the user's own booking.
func (o *boxOffice) selectSeat(user, bookingID, seatID int64) error {
	if o.house.careless {
		// The classic mistake: the answer to "is it free?" is old by the time
		// the seat is sold.
		o.mu.RLock()
		_, _, err := o.selectableLocked(user, bookingID, seatID)
		o.mu.RUnlock()
		if err != nil {
			return err
		}
		o.house.beforeSale()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	b, place, err := o.selectableLocked(user, bookingID, seatID)
	if errors.Is(err, errTaken) && o.house.careless {
		err = nil
	}
	if err != nil {
		return err
	}
	o.setLocked(place, seat{status: reserved, holder: b})
	b.seats = append(b.seats, seatID)
	return nil
}

// selectableLocked returns the booking and the place when the seat may be
// selected. With errTaken both are returned as well.
func (o *boxOffice) selectableLocked(user, bookingID, seatID int64) (*booking, int, error) {
	b, known := o.bookings[bookingID]
	if !known {
		return nil, 0, errUnknown
	}
	if b.user != user {
		return nil, 0, errNotOwner
	}
	place, known := o.placeLocked(seatID)
	if !known || b.event != stadiumEvent {
		return nil, 0, errUnknown
	}
	if b.paid {
		return nil, 0, errState
	}
	if o.seats[place].status != free {
		return b, place, errTaken
	}
	return b, place, nil
}

// release frees a reserved seat.
func (o *boxOffice) release(user, seatID int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	place, known := o.placeLocked(seatID)
	if !known {
		return errUnknown
	}
	s := o.seats[place]
	if s.status != reserved {
		return errState
	}
	if !o.house.mayFree(user, s.holder) {
		return errNotOwner
	}
	s.holder.seats = slices.DeleteFunc(s.holder.seats, func(id int64) bool { return id == seatID })
	o.setLocked(place, seat{})
	return nil
}

// cancel ends a booking that is not paid and frees its seats.
func (o *boxOffice) cancel(user, bookingID int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	b, known := o.bookings[bookingID]
	if !known {
		return errUnknown
	}
	if !o.house.mayFree(user, b) {
		return errNotOwner
	}
	if b.paid {
		return errState
	}
	for _, id := range b.seats {
		if place, known := o.placeLocked(id); known && o.seats[place].holder == b {
			o.setLocked(place, seat{})
		}
	}
	delete(o.bookings, b.id)
	delete(o.byOrder, b.order)
	o.byUser[b.user] = slices.DeleteFunc(o.byUser[b.user], func(other *booking) bool { return other == b })
	return nil
}

// startPayment returns the order that the payment gateway is asked to settle.
func (o *boxOffice) startPayment(user, bookingID int64) (order string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b, known := o.bookings[bookingID]
	if !known {
		return "", errUnknown
	}
	if b.user != user {
		return "", errNotOwner
	}
	if b.paid || len(b.seats) == 0 {
		return "", errState
	}
	b.order = "order-" + strconv.FormatInt(b.id, 10)
	o.byOrder[b.order] = b
	return b.order, nil
}

// settle records how a payment ended: paid seats are sold, others stay reserved.
func (o *boxOffice) settle(order string, paid bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	b, known := o.byOrder[order]
	if !known {
		return errUnknown
	}
	if !paid || b.paid {
		return nil
	}
	b.paid = true
	for _, id := range b.seats {
		if place, known := o.placeLocked(id); known && o.seats[place].holder == b {
			o.setLocked(place, seat{status: sold, holder: b})
		}
	}
	return nil
}

// placeLocked returns the place of a seat id of the present generation.
func (o *boxOffice) placeLocked(id int64) (place int, known bool) {
	at := id - o.firstSeat
	return int(at), at >= 0 && at < seatCount
}

// setLocked is the only writer of seats, so that free counts stay true.
func (o *boxOffice) setLocked(place int, s seat) {
	row := place / seatsPerRow
	if o.seats[place].status == free {
		o.free[row]--
	}
	if s.status == free {
		o.free[row]++
	}
	o.seats[place] = s
}
