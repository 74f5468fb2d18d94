//go:build compare

package loadgen_test

// phasesMayNotTakeMore than k6 told of the same server: nothing else runs here.
const phasesMayNotTakeMore = true
