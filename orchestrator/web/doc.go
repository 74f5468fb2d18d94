// Package web shows the contest to people and machines: the results table, a
// page for each team and each run, the same facts as JSON, the health of the
// services, and the orchestrator's own metrics.
//
// What comes in are three small views of the state (Board, Archive, Pulse) and
// requests from anyone; what goes out is HTML that works without scripts, is kept
// up to date by one of ours, and asks nobody else for anything, JSON with a
// schema version, and the
// Prometheus text format.
//
// It only reads, but for what organisers change, who prove themselves by the
// server's token: over the API with each request, on pages with a session and
// forms that no other site can send. Whatever a team wrote is cleaned, shortened
// and escaped before it is shown, identifiers are checked before they reach the
// state, and URLs of teams are not shown at all. When the state cannot be read the answer is a
// plain 500 (503 from the probes) and one line in the log; a page is rendered
// whole before its first byte is sent, so nobody sees half of one.
package web
