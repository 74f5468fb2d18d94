//go:build !compare

package loadgen_test

// phasesDecide says that phases must take as long as k6 told. Other tests run
// beside this one, and timing never decides a test.
const phasesDecide = false
