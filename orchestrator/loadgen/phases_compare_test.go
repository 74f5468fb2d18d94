//go:build compare

package loadgen_test

// phasesDecide says that phases must take as long as k6 told: nothing else runs
// here.
const phasesDecide = true
