// Package httpx is the load generator's HTTP client: as little work per
// request as the protocol allows, with every phase timed.
//
// In: a [Request]. Out: an [Exchange] for each hop of it, redirects included,
// with status, headers, decoded body, phases and bytes on the wire. A request
// that fails yields an Exchange too: Err says why, in k6's words and with k6's
// error code, because the error of a request is a measurement like any other.
//
// A [Transport] is what all virtual users share (dialing, names, TLS); a
// [Client] holds one virtual user's own kept-alive connections and cookies.
// Everything that a server sends is bounded: header bytes, body bytes after
// decoding, informational answers, redirects, and the time of it all. Addresses
// are checked by [Config.Guard] after the name was resolved, at each dial.
//
// HTTP/1.1 is spoken here; hosts that choose HTTP/2, and proxies, are left to
// net/http, with the same connections and answers.
//
// A request is sent a second time only when a reused connection was closed by
// the server before the first byte of an answer, and only if sending it twice
// does no harm.
package httpx
