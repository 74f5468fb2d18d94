// Package promtest builds and starts a real Prometheus for tests. It is test
// code: nothing that ships imports it, and all of it but this comment stands
// behind the build tags "postgres" and "chaos".
//
// Build compiles the program from its sources, which the module in the folder
// program names: the same version as the embedded metric store is made of. Out
// of Start comes a server that takes remote write from anybody, on a port of
// its own on loopback. Nothing is left when Stop has returned.
package promtest
