// Package verdict turns rules and evidence into verdicts, and nothing else.
//
// In: the thresholds in force ([RulesFor]) and what was measured
// ([contest.Evidence]). Out: a judgement of one run ([Judge]), what a team's
// climb does next ([Ladder]), and what the Hub is told of it ([Climb]).
//
// Everything here is a pure function: no clock, no network, no files. The same
// rules and evidence give the same verdict for ever, which [Explain] relies on.
//
// Rules are decided by exact counts over all generators, never by interpolated
// percentiles. A rule without samples never passes. What the generators could
// not deliver, or what could not be read back, makes a run invalid: it says
// nothing about the team. The one exception is proof: a counter that is already
// above its bound (a seat sold twice) stays above it, whatever else went wrong.
package verdict
