package httpx_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
)

// What a process without file descriptors cannot do is its own lack, also when
// it only comes as far as looking a name up.
func TestLackOfDescriptorsIsOurs(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]string{
		"while dialing":        "http://127.0.0.1:1/",
		"while looking a name": "http://team.example.org/",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := exec.CommandContext(t.Context(), os.Args[0], "without-descriptors", target).CombinedOutput()
			require.NoError(t, err, string(out))
			require.Contains(t, string(out), "lacking=1")
		})
	}
}

// A name that does not exist is the target's business.
func TestUnknownNameIsNoLack(t *testing.T) {
	t.Parallel()
	transport := httpx.NewTransport(httpx.Config{})
	client := httpx.NewClient(transport)
	defer client.Close()
	x := client.Do(t.Context(), &httpx.Request{Method: "GET", URL: parse(t, "http://no-such-name.invalid/")}, nil)
	require.Error(t, x.Err)
	require.Zero(t, transport.Lacking())
}

// withoutDescriptors asks for target in a process that may open no more files,
// and prints what became of it.
func withoutDescriptors(target string) int {
	u, err := url.Parse(target)
	if err != nil {
		return 1
	}
	// The runtime needs some of its own, which it takes with the first socket.
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 1
	}
	first.Close()
	limit := syscall.Rlimit{Cur: 64, Max: 64}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1
	}
	for range 64 { // until there is none left
		if _, err := syscall.Open(os.DevNull, syscall.O_RDONLY, 0); err != nil {
			break
		}
	}
	transport := httpx.NewTransport(httpx.Config{})
	x := httpx.NewClient(transport).Do(context.Background(), &httpx.Request{Method: "GET", URL: u}, nil)
	fmt.Printf("%v lacking=%d\n", x.Err, transport.Lacking())
	return 0
}
