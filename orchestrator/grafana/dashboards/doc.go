// Package dashboards writes the contest's Grafana dashboards from Go: Run, Team,
// Contest and Orchestrator. What comes out is the text of manifests/grafana,
// which a cluster's Grafana loads; `make dashboards` writes it anew, and a test
// fails while the two differ. Nothing of this is linked into the program.
//
// The uids and variables are those that confirmation links carry (see the
// package grafana): a changed one breaks links that the Hub already holds.
//
// The format is Grafana's classic one, although its SDK prefers dashboardv2:
// provisioning reads v2 only from 13 on, and both 12 and 13 load the classic one.
//
// Totals of a run are last values and not increases: its counters begin at zero
// with its testid, and the first push already holds some.
package dashboards
