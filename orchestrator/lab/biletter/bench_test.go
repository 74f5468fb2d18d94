package biletter_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
)

// BenchmarkHandler measures what one request costs without a socket.
func BenchmarkHandler(b *testing.B) {
	server := newService(b, biletter.Good, biletter.Options{})
	user := visitors(b, server, 1)[0].user
	for _, path := range []string{
		"/api/events?page=7&pageSize=20",
		"/api/events?query=%D0%BA%D0%BE%D0%BD%D1%86%D0%B5%D1%80%D1%82&date=2024-12-25",
		"/api/seats?event_id=1&status=FREE&page=499",
	} {
		b.Run(path, func(b *testing.B) {
			r := httptest.NewRequest("GET", path, nil)
			r.SetBasicAuth(user.Email, user.Password)
			for b.Loop() {
				answer := httptest.NewRecorder()
				server.Config.Handler.ServeHTTP(answer, r)
				if answer.Code != http.StatusOK {
					b.Fatal(answer.Code)
				}
			}
		})
	}
}

// BenchmarkEventsOverSockets measures requests per second over keep-alive
// connections; the clients here cost little, so this is about the service.
func BenchmarkEventsOverSockets(b *testing.B) {
	server := newService(b, biletter.Good, biletter.Options{})
	address := server.Listener.Addr().String()
	request := []byte(fmt.Sprintf("GET /api/events?page=7&pageSize=20 HTTP/1.1\r\nHost: %s\r\n\r\n", address))
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		reader := bufio.NewReader(conn)
		for pb.Next() {
			if err := roundTrip(conn, reader, request); err != nil {
				b.Error(err)
				return
			}
		}
	})
	require.False(b, b.Failed())
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}

func roundTrip(conn net.Conn, reader *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", answer.StatusCode)
	}
	return nil
}
