// Package e2e tries on a real cluster what only a real cluster can show:
// TestRuns with real Pods, their ways to fail, and our manifests.
//
// In comes a cluster of testdata/cluster, named by HACKLOAD_E2E, with our images
// in it; without one the tests fail. Each test has namespaces of its own and
// leaves none. `make e2e` does everything: cluster, images, tests, end.
package e2e
