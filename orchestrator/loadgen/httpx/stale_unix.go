//go:build unix

package httpx

import (
	"net"
	"syscall"
)

// stale reports whether the server has closed an idle connection, or sent
// something unasked. It looks without waiting. A request that must not be sent
// twice is never written to such a connection.
func stale(c net.Conn) bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	closed := false
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, e := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		closed = n >= 0 && e == nil || e != nil && e != syscall.EAGAIN && e != syscall.EWOULDBLOCK
		return true
	})
	return closed || err != nil
}
