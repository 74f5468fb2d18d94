// Package contest is the vocabulary of the contest: teams, criteria, services,
// levels, runs, evidence, verdicts and the updates that the Hub is told.
//
// It holds nouns and the few rules that belong to a noun alone (how a threshold
// is written, how many arrivals a level means). It does no I/O, reads no clock
// and imports nothing but the standard library, so every other package may
// import it and it imports none of them.
//
// Everything that a team supplies (slug, name, URLs, spend) is untrusted text:
// it is carried as it came and must be checked where it is used.
package contest
