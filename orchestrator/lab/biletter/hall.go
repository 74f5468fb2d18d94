package biletter

// The hall of the concert: rows of seats in price zones, scaled down from the
// contest's stadium.
const (
	stadiumEvent = 1
	rows         = 100
	seatsPerRow  = 100
	seatCount    = rows * seatsPerRow
)

// status is what is known of a seat.
type status uint8

const (
	free status = iota
	reserved
	sold
)

// statusNames are the API's words, by status.
var statusNames = [...]string{free: "FREE", reserved: "RESERVED", sold: "SOLD"}

// parseStatus reads the API's word.
func parseStatus(word string) (status, bool) {
	for s, name := range statusNames {
		if name == word {
			return status(s), true
		}
	}
	return 0, false
}

// zone is a range of places with one price.
type zone struct {
	until int   // first place behind it
	price int64 // KZT
}

// zones lists the price zones from the stage to the back: 10, 15, 20, 25 and
// 30 per cent of the seats, as in the stadium.
func zones() [5]zone {
	return [5]zone{
		{until: seatCount * 10 / 100, price: 200_000},
		{until: seatCount * 25 / 100, price: 150_000},
		{until: seatCount * 45 / 100, price: 100_000},
		{until: seatCount * 70 / 100, price: 70_000},
		{until: seatCount, price: 40_000},
	}
}

// priceOf returns the price of a place in KZT.
func priceOf(place int) int64 {
	all := zones()
	for _, z := range all {
		if place < z.until {
			return z.price
		}
	}
	return all[len(all)-1].price
}

// seatView is a seat as a visitor sees it.
type seatView struct {
	id          int64
	row, number int
	status      status
	price       int64 // KZT
}

// seatFilter selects seats; zero and nil fields select all.
type seatFilter struct {
	row    int
	status *status
	page   page
}

// list returns a page of the seats that the filter selects, by place.
func (o *boxOffice) list(f seatFilter) []seatView {
	o.mu.RLock()
	defer o.mu.RUnlock()
	found := make([]seatView, 0, f.page.size)
	skip := f.page.offset()
	from, to := 0, rows
	if f.row != 0 {
		from, to = min(max(f.row-1, 0), rows), min(f.row, rows)
	}
	for row := from; row < to && len(found) < f.page.size; row++ {
		if n := o.matchingLocked(row, f.status); n <= skip {
			skip -= n
			continue
		}
		for number := range seatsPerRow {
			place := row*seatsPerRow + number
			if f.status != nil && o.seats[place].status != *f.status {
				continue
			}
			if skip > 0 {
				skip--
				continue
			}
			if len(found) == f.page.size {
				break
			}
			found = append(found, o.viewLocked(place))
		}
	}
	return found
}

// matchingLocked returns how many seats of a row the status selects: for the
// common question, free seats, without looking at each.
func (o *boxOffice) matchingLocked(row int, wanted *status) int {
	switch {
	case wanted == nil:
		return seatsPerRow
	case *wanted == free:
		return o.free[row]
	}
	n := 0
	for _, s := range o.seats[row*seatsPerRow : (row+1)*seatsPerRow] {
		if s.status == *wanted {
			n++
		}
	}
	return n
}

func (o *boxOffice) viewLocked(place int) seatView {
	return seatView{
		id:     o.firstSeat + int64(place),
		row:    place/seatsPerRow + 1,
		number: place%seatsPerRow + 1,
		status: o.seats[place].status,
		price:  priceOf(place),
	}
}

// report is the state of an event's sales.
type report struct {
	total, sold, reserved, free int
	revenue                     int64 // KZT, of the seats sold
	bookings                    int
}

// report counts the sales of an event. Only the concert has seats.
func (o *boxOffice) report(event int64) report {
	o.mu.RLock()
	defer o.mu.RUnlock()
	var r report
	for _, b := range o.bookings {
		if b.event == event {
			r.bookings++
		}
	}
	if event != stadiumEvent {
		return r
	}
	r.total = seatCount
	for place, s := range o.seats {
		switch s.status {
		case free:
			r.free++
		case reserved:
			r.reserved++
		case sold:
			r.sold++
			r.revenue += priceOf(place)
		}
	}
	return r
}
