// Package options reads what a load test is told: a k6 script's options object,
// K6_* variables, flags; and turns them into one list of scenarios.
//
// In: JSON and text. Out: an [Options] whose unset parts are nil, so that tiers
// can be laid over each other ([Options.Over]) with k6's precedence: script,
// then environment, then flags; a tier that says what to run (duration,
// iterations, stages or scenarios) replaces all that lower tiers said of it.
//
// A wrong value is an error that names the key, what was there and what is
// allowed. A key that k6 does not know is a warning at the top level, as in k6,
// and an error inside a scenario, also as in k6.
package options
