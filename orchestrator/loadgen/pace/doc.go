// Package pace says when iterations start and how many virtual users there are
// at each moment. It is arithmetic only: no clock, no goroutine, no I/O.
//
// In: rates, stages and durations as a k6 script writes them. Out: for arrival
// rates, the start of the n-th iteration ([Arrivals.At]), what to do now
// ([Arrivals.Next]) and the exact number planned ([Arrivals.Planned]); for
// ramping users, the list of steps ([Ramp]).
//
// All three agree with each other: At holds for exactly the indexes below
// Planned. Rounding is k6's: a constant rate starts its first iteration at
// once, a ramping one starts the n-th when the area under its rate reaches n.
// A [Stripe] gives one of several generators its share; the shares of all
// generators together are the whole, without overlap.
package pace
