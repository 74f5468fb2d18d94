package loadgen_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the server of TestConformanceOfPhases takes its time for.
const (
	beforeHandshake = 40 * time.Millisecond
	beforeReading   = 200 * time.Millisecond
	beforeAnswer    = 30 * time.Millisecond
	withinAnswer    = 40 * time.Millisecond
)

// phases are the milliseconds of each phase, by what was asked for.
type phases map[string]map[string]float64

// TestConformanceOfPhases compares where the time of a request goes with what
// k6 told of the same server, to within a millisecond or a tenth. That holds
// under the tag compare only, on a machine that has nothing else to do; beside
// other tests all that must agree is which phases a request has.
func TestConformanceOfPhases(t *testing.T) {
	const golden = "testdata/conformance/phases/phases.json"
	script, err := filepath.Abs("testdata/conformance/phases/phases.js")
	require.NoError(t, err)
	if *record != "" {
		seen := measurePhases(t, script)
		for range 4 {
			seen.lower(measurePhases(t, script))
		}
		text, err := json.MarshalIndent(seen, "", " ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(golden, append(text, '\n'), 0o644))
		return
	}
	text, err := os.ReadFile(golden)
	require.NoError(t, err)
	var want phases
	require.NoError(t, json.Unmarshal(text, &want))
	seen := measurePhases(t, script)
	for n := 1; n < 3 && len(want.differences(seen)) > 0; n++ {
		seen.lower(measurePhases(t, script))
	}
	assert.Empty(t, want.differences(seen))
}

// lower keeps the faster of both requests.
func (p phases) lower(other phases) {
	for what, all := range other {
		if all["blocked"]+all["duration"] < p[what]["blocked"]+p[what]["duration"] {
			p[what] = all
		}
	}
}

// differences says which phases took another time than in k6.
func (p phases) differences(seen phases) (wrong []string) {
	for what, all := range p {
		if len(seen[what]) != len(all) {
			wrong = append(wrong, fmt.Sprintf("%s: phases %v, want %v", what, seen[what], all))
		}
		for phase, ms := range all {
			got, known := seen[what][phase]
			if !known || (phasesDecide && math.Abs(got-ms) > max(1, ms/10)) {
				wrong = append(wrong, fmt.Sprintf("%s: %s took %.2f ms, in k6 %.2f", what, phase, got, ms))
			}
		}
	}
	return wrong
}

func measurePhases(t *testing.T, script string) phases {
	t.Helper()
	srv := &conformanceServer{neutral: strings.NewReplacer(), asked: map[string]int{}}
	srv.url, srv.tls = newDelayingServer(t)
	tell := srv.tell
	if *record != "" {
		tell = srv.tellOfK6
	}
	out := phases{}
	for line := range strings.Lines(tell(t, script)) {
		what, text, ok := strings.Cut(line, ": ")
		if !ok {
			continue // the exit code
		}
		of := map[string]float64{}
		require.NoError(t, json.Unmarshal([]byte(text), &of), line)
		for phase, ms := range of {
			of[phase] = math.Round(ms*100) / 100
		}
		out[what] = of
	}
	require.NotEmpty(t, out)
	return out
}

// newDelayingServer returns the addresses, without and with TLS, of a server that
// is slow where a path or a handshake says so.
func newDelayingServer(t *testing.T) (plain, secure string) {
	t.Helper()
	// A small window, and small segments, by which the sender's own buffer goes:
	// so a request of some size does not fit into them unread.
	small := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1<<15)
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, 1400)
		})
	}}
	start := func(secure bool) string {
		l, err := small.Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		srv := httptest.NewUnstartedServer(http.HandlerFunc(answerLate))
		require.NoError(t, srv.Listener.Close())
		srv.Listener = l
		if t.Cleanup(srv.Close); !secure {
			srv.Start()
			return srv.URL
		}
		srv.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			time.Sleep(beforeHandshake)
			return nil, nil
		}}
		srv.StartTLS()
		return srv.URL
	}
	return start(false), start(true)
}

func answerLate(w http.ResponseWriter, r *http.Request) {
	is := func(what string) bool { return strings.Contains(r.URL.Path, what) }
	if is("close") {
		w.Header().Set("Connection", "close")
	}
	if is("upload") {
		time.Sleep(beforeReading)
		_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, make([]byte, 1<<20))
	}
	if is("late") {
		time.Sleep(beforeAnswer)
	}
	if is("drip") {
		_, _ = io.WriteString(w, "first")
		_ = http.NewResponseController(w).Flush()
		time.Sleep(withinAnswer)
	}
	_, _ = io.WriteString(w, "last")
}
