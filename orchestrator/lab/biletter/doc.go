// Package biletter is the sample teams' ticket service: a real HTTP service
// with the complete API that every team of the contest implements, in memory.
//
// In: requests with HTTP Basic auth of the sample users. Out: events on sale
// and an archive of past ones, searched through an index; 10,000 seats of event
// 1; bookings, payments and analytics; everything back to the start on
// POST /api/reset, with new seat ids, as real services do.
//
// A Kind says how a team's service misbehaves (slow, failing, selling a seat
// twice, letting strangers in): each is a rule laid over the same service, and
// one of kind Good keeps every promise of the API under any concurrency: no
// seat is ever held by two bookings. Nothing outlives the process.
package biletter
