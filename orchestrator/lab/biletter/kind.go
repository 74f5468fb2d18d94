package biletter

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// Kind names how a sample team's service behaves.
type Kind string

// The kinds of sample teams.
const (
	Good     Kind = "good"     // keeps every promise
	Slow     Kind = "slow"     // right, but late
	Flaky    Kind = "flaky"    // every so-many-th request is a 500
	Oversold Kind = "oversold" // sells a seat twice when two select it at once
	Leaky    Kind = "leaky"    // lets anyone release a seat and cancel a booking
	Down     Kind = "down"     // has an endpoint that refuses connections
	Empty    Kind = "empty"    // has no endpoint
)

// Team is a sample team as the contest knows it.
type Team struct {
	Slug     string
	Name     string
	Kind     Kind
	Endpoint bool // has an address to tell the Hub
	Serves   bool // something answers there
}

// Teams lists the sample teams, one of each kind.
func Teams() []Team {
	return []Team{
		{Slug: "good", Name: "Good Seats", Kind: Good, Endpoint: true, Serves: true},
		{Slug: "slow", Name: "Slow Motion", Kind: Slow, Endpoint: true, Serves: true},
		{Slug: "flaky", Name: "Flaky Pastry", Kind: Flaky, Endpoint: true, Serves: true},
		{Slug: "oversold", Name: "Oversold Out", Kind: Oversold, Endpoint: true, Serves: true},
		{Slug: "leaky", Name: "Leaky Roof", Kind: Leaky, Endpoint: true, Serves: true},
		{Slug: "down", Name: "Down Under", Kind: Down, Endpoint: true},
		{Slug: "empty", Name: "Empty Hall", Kind: Empty},
	}
}

// Options sets how strongly a kind misbehaves; the zero value is the contest's
// table of sample teams.
type Options struct {
	Delay      time.Duration // of Slow, for each request; default 2.3 s
	FailEvery  int           // of Flaky: every so-many-th request fails; default 12
	RaceWindow time.Duration // of Oversold, between look and sale; default 10 ms
	World      *World        // the data; default NewWorld(time.Now())
	Lender     http.Handler  // of Borrowed: the service that it leads to
}

func (o Options) withDefaults() (Options, error) {
	if o.Delay == 0 {
		o.Delay = 2300 * time.Millisecond
	}
	if o.FailEvery == 0 {
		o.FailEvery = 12
	}
	if o.RaceWindow == 0 {
		o.RaceWindow = 10 * time.Millisecond
	}
	if o.World == nil {
		world, err := NewWorld(time.Now())
		if err != nil {
			return Options{}, err
		}
		o.World = world
	}
	return o, nil
}

// behaviour is what a kind lays over the service.
type behaviour struct {
	wrap  func(http.Handler) http.Handler // around every request
	house houseRules                      // inside the box office
}

func behaviourOf(kind Kind, o Options) (behaviour, error) {
	b := behaviour{
		wrap:  func(next http.Handler) http.Handler { return next },
		house: houseRules{mayFree: isOwner, beforeSale: func() {}},
	}
	switch kind {
	case Good:
	case Slow:
		b.wrap = delayed(o.Delay)
	case Flaky:
		b.wrap = failing(int64(o.FailEvery))
	case Oversold:
		b.house.careless = true
		b.house.beforeSale = func() { time.Sleep(o.RaceWindow) }
	case Leaky:
		b.house.mayFree = func(int64, *booking) bool { return true }
	default:
		if b.wrap = cheating(kind, o); b.wrap == nil {
			return behaviour{}, fmt.Errorf("no service is of kind %q", kind)
		}
	}
	return b, nil
}

// delayed holds each request back, or drops it when the client leaves first.
func delayed(by time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			timer := time.NewTimer(by)
			defer timer.Stop()
			select {
			case <-timer.C:
				next.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		})
	}
}

// failing answers every n-th request with a 500, by counter, so that the share
// of failures is the same in every run.
func failing(n int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		var seen atomic.Int64
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if seen.Add(1)%n == 0 {
				http.Error(w, "something went wrong", http.StatusInternalServerError)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
