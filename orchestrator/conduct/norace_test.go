//go:build !race

package conduct_test

// manyTeams is as many as a contest has.
const manyTeams = 200
