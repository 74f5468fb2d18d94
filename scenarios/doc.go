// Package scenarios holds the contest's k6 scripts and hands them to Go.
//
// In: the files beside this one, embedded at build time, and a directory of an
// organiser that may replace any of them. Out: a read-only file system with
// the scripts, their modules in lib and the sample users.
//
// A script runs unchanged under stock k6 and under our own generator; levels,
// target and users reach it through its environment only (lib/levels.js).
//
// When things fail: a file that the directory lacks is the embedded one; a file
// that it has but cannot give is an error, never silently the embedded one; and
// no name leads outside the directory, symbolic links included.
package scenarios
