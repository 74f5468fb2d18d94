package roster

import (
	"encoding/json"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDatabaseAddress(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]DatabaseURL{
		"empty":         "",
		"not a URL":     "postgresql://user:hunter2@ho st/db",
		"another kind":  "mysql://user:hunter2@host/db",
		"a bad port":    "postgresql://user:hunter2@host:port/db",
		"a bad setting": "postgresql://user:hunter2@host/db?sslmode=hunter2",
		"only words":    "hunter2",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := OpenDatabase(DatabaseConfig{URL: address})
			require.EqualError(t, err, "database URL: want one like postgresql://user:password@host:5432/database")
		})
	}
}

func TestDatabaseAddressIsHidden(t *testing.T) {
	t.Parallel()
	cfg := DatabaseConfig{URL: "postgresql://user:hunter2@host/db"}
	doc, err := json.Marshal(cfg)
	require.NoError(t, err)
	d, err := OpenDatabase(cfg)
	require.NoError(t, err)
	defer d.Close()
	for _, text := range []string{string(doc), fmt.Sprint(cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg), fmt.Sprintf("%x", cfg.URL)} {
		require.NotContains(t, text, "hunter2")
	}
}

// Nobody answers on the port, or what answers is no PostgreSQL.
func TestDatabaseThatIsNone(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			conn.Close()
		}
	}()
	d, err := OpenDatabase(DatabaseConfig{URL: DatabaseURL("postgresql://user:hunter2@" + listener.Addr().String() + "/db?sslmode=disable")})
	require.NoError(t, err)
	defer d.Close()
	_, err = d.Teams(t.Context(), "")
	require.ErrorContains(t, err, "open the database: ")
	require.NotContains(t, err.Error(), "hunter2")
	require.NoError(t, listener.Close())
	<-done
	_, err = d.Teams(t.Context(), "")
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "hunter2")
	require.NotContains(t, err.Error(), "\n")
}
