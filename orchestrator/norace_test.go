//go:build !race

package main

// manyTeams is as many as a contest may have.
const manyTeams = 1250
