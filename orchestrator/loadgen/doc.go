// Package loadgen is the load generator: it runs k6 scripts, unchanged, and
// says what came of it.
//
// In: a command line with k6's flags, the environment, two streams ([IO]). Out:
// an exit code of k6's, the end-of-test summary, and, where asked for, series by
// remote write, a summary file and a progress file. [Command] is the whole of
// it; the parts are below: pace and executor say when iterations start, script
// runs them, httpx sends their requests, metric counts, output tells.
//
// When the test is stopped (ctx is cancelled, a threshold aborts it, the script
// does), iterations under way are interrupted, teardown still runs, the summary
// is written and the last flush is made. Nothing that a script does can make
// Command return before its goroutines have ended; only a hard stop can.
package loadgen
