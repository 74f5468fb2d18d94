// Package deployment looks at the teams' deployed services and judges them: the
// criterion DEPLOYED_SOLUTION.
//
// In come teams with whatever they typed as their endpoint; out goes one verdict
// per team, with findings for each rule. Rule "http" asks for the endpoint
// itself: any 2xx within the timeout passes. For the page it also walks those
// endpoints of the API that only read (Safe): they decide nothing. Rule
// "endpoints" walks the whole API as HackLoad 2025 did, which writes; it is
// judged by the share of critical endpoints that work. POST /api/reset is part
// of the walk only where the configuration says so.
//
// A walk holds the target's lease, so it never meets a load run; while there is
// one, the last result stays (rule "http": unless the endpoint passes anyhow).
// Whatever a team's server does is bounded in time, size and connections, and
// every connection is checked by the guard. What we fail at is an invalid
// verdict, never a team's failure.
package deployment
