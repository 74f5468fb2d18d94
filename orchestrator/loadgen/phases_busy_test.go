//go:build !compare

package loadgen_test

// phasesMayNotTakeMore than k6 told of the same server: other tests run beside
// this one, and timing never decides a test.
const phasesMayNotTakeMore = false
