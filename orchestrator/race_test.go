//go:build race

package main

// manyTeams is fewer than a contest may have: under the race detector each takes
// ten times as long.
const manyTeams = 100
