// Package browsertest opens a real browser for tests of pages. It is test code:
// nothing that ships imports it, and all of it but this comment stands behind
// the build tag "browser".
//
// Out comes a tab of a Chromium of the test's own, without a window, from the
// program that Debian's package "chromium" installs. Nothing is left when it is
// shut.
package browsertest
