//go:build compare

package loadgen_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const serverVariable = "HACKLOAD_COMPARE_SERVER"

// startServer starts this test's own program again as the server, so that its
// CPU time is nobody's but its own.
func startServer(t *testing.T) (address string) {
	t.Helper()
	address = freeAddress(t)
	cmd := exec.Command(os.Args[0], "-test.run", "TestCompareServer")
	cmd.Env = append(os.Environ(), serverVariable+"="+address)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	require.Eventually(t, func() bool {
		code, _ := call(t, http.MethodGet, "http://"+address+"/api/events", "")
		return code == 200
	}, 10*time.Second, 20*time.Millisecond)
	return address
}

// TestCompareServer is the server, when it is called as such.
func TestCompareServer(t *testing.T) {
	address := os.Getenv(serverVariable)
	if address == "" {
		t.Skip("only TestCompare and TestSoak call it")
	}
	events := []byte(`[{"id":1,"title":"` + strings.Repeat("x", 470) + `"}]`)
	var seats []map[string]int
	for i := range 20 {
		seats = append(seats, map[string]int{"id": i + 1, "row": 1, "number": i + 1})
	}
	seatsText, err := json.Marshal(seats)
	require.NoError(t, err)
	reply := func(code int, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			_, _ = w.Write(body)
		}
	}
	var asked atomic.Int64
	counted := func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			next(w, r)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/events", counted(reply(200, events)))
	mux.HandleFunc("GET /api/seats", reply(200, seatsText))
	mux.HandleFunc("POST /api/bookings", reply(201, []byte(`{"id":77}`)))
	mux.HandleFunc("PATCH /api/seats/select", reply(200, []byte(`{}`)))
	mux.HandleFunc("PATCH /api/bookings/initiatePayment", reply(200, []byte(`{}`)))
	mux.HandleFunc("POST /write", reply(200, nil))
	mux.HandleFunc("GET /count", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, asked.Load()) })
	t.Log(http.ListenAndServe(address, mux))
}
