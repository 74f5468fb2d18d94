// Package extension is what the k6 extension xk6-hackload does, without k6: the
// extension is a thin layer of AGPL-3.0 code over it, and our own generator
// mounts the same script module, so a script means the same in both.
//
// For scripts there are the contest's data set of users ([ReadUsers]) and a
// report of a run ([Report]). For k6 as a load generator there is a [Session]:
// samples go in one by one and are counted at once, so that memory is bounded by
// the number of series; out come the series of our own generator, with retries
// and a last flush. For runs by hand there is [Publication], which writes a
// run's own verdict to the Hub; launchers never ask for it.
package extension
