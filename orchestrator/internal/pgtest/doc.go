// Package pgtest starts a real PostgreSQL for tests. It is test code: nothing
// that ships imports it, and all of it but this comment stands behind the build
// tags "postgres" and "chaos".
//
// Out comes a server of the test binary's own, in a new folder, on a socket in
// that folder and on no port, from the programs that Debian's package
// "postgresql" installs. Each call of Database makes an empty database in it.
// Nothing is left when Stop has returned. It has no fsync: what it holds does
// not outlive the machine.
package pgtest
