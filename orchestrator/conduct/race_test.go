//go:build race

package conduct_test

// manyTeams is fewer than a contest has: under the race detector each takes ten
// times as long.
const manyTeams = 60
