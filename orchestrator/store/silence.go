package store

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// listening is a connection whose server has to say something within a while of
// being asked. PostgreSQL ends every statement after statement_timeout and says
// so; a server that lost its power, or a network that swallows, says nothing for
// ever, and whoever waits without a deadline of its own would do so too.
type listening struct {
	net.Conn
	longest time.Duration

	mu    sync.Mutex // held while a deadline is set, so that the driver's is not overrun
	until time.Time  // the driver's own deadline; zero: none
}

// SetDeadline sets the driver's deadline.
func (l *listening) SetDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = t
	return l.Conn.SetDeadline(t)
}

// SetReadDeadline sets the driver's deadline for reading.
func (l *listening) SetReadDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = t
	return l.Conn.SetReadDeadline(t)
}

// Read waits for the server until the driver's deadline, or as long as it may be
// silent. The latter is no timeout to the driver, which goes on after one: the
// connection is lost.
func (l *listening) Read(p []byte) (int, error) {
	end, err := l.arm()
	if err != nil {
		return 0, err
	}
	n, err := l.Conn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(end) && !l.told() {
		return n, fmt.Errorf("%w: it said nothing for %v", ErrAway, l.longest)
	}
	return n, err
}

// arm sets the deadline of the next read and returns when the silence is too long.
func (l *listening) arm() (end time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	end = time.Now().Add(l.longest)
	if l.until.IsZero() || l.until.After(end) {
		return end, l.Conn.SetReadDeadline(end)
	}
	return end, l.Conn.SetReadDeadline(l.until)
}

// told reports whether the driver's own deadline has passed.
func (l *listening) told() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.until.IsZero() && !time.Now().Before(l.until)
}

// longestSilence is how long a server with this statement_timeout may be silent;
// 0 is for ever.
func longestSilence(statementTimeout string) (time.Duration, error) {
	text := strings.TrimSpace(statementTimeout)
	if ms, err := strconv.ParseUint(text, 10, 31); err == nil {
		text = fmt.Sprintf("%dms", ms) // PostgreSQL's unit where none is given
	}
	text = strings.ReplaceAll(text, " ", "")
	if minutes, ok := strings.CutSuffix(text, "min"); ok {
		text = minutes + "m"
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("statement_timeout of the state database is %q: want a time like 60s", statementTimeout)
	}
	if d == 0 {
		return 0, nil
	}
	return d + silenceMargin, nil
}

// silenceMargin is what an answer may take beside its statement.
const silenceMargin = 5 * time.Second
