//go:build postgres

package store_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/internal/pgtest"
	"github.com/hackload-kz/hackload/orchestrator/lab/faults"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// The tests of what holds on both databases run on the one that fresh opens.
const (
	foreignKey = "violates foreign key constraint"
	readOnly   = "read-only transaction"
)

// started is the server of all tests, from the first that needs it.
var started = sync.OnceValues(func() (*pgtest.Server, error) {
	s, err := pgtest.Start()
	if err == nil {
		teardown = s.Stop
	}
	return s, err
})

// database makes an empty database and returns its address.
func database(t testing.TB) string {
	t.Helper()
	s, err := started()
	require.NoError(t, err)
	name, err := s.Database(t.Context())
	require.NoError(t, err)
	return s.URL(pgtest.Owner, name)
}

func openPostgres(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.OpenPostgres(t.Context(), t.TempDir(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func fresh(t testing.TB) *store.Store {
	t.Helper()
	return openPostgres(t, database(t))
}

func TestReplicasMigrateOneAfterTheOther(t *testing.T) {
	t.Parallel()
	url := database(t)
	var wg sync.WaitGroup
	errs := make([]error, 5)
	for i := range errs {
		dir := t.TempDir()
		wg.Go(func() {
			s, err := store.OpenPostgres(t.Context(), dir, url)
			if errs[i] = err; err == nil {
				errs[i] = s.Close()
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

// What one replica has read in a transaction does not change before it commits.
func TestReplicasWriteOneAfterTheOther(t *testing.T) {
	t.Parallel()
	url := database(t)
	var wg sync.WaitGroup
	const each = 25
	errs := make([]error, 4)
	replicas := []*store.Store{openPostgres(t, url), openPostgres(t, url)}
	for i := range errs {
		wg.Go(func() {
			for range each {
				errs[i] = replicas[i%2].Write(t.Context(), func(tx *store.Tx) error {
					return tx.Audit(t.Context(), store.AuditEntry{Who: fmt.Sprint(i)}) // reads the last number first
				})
				if errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	trail, err := replicas[0].AuditTrail(t.Context(), 1000)
	require.NoError(t, err)
	require.Len(t, trail, len(errs)*each)
	require.EqualValues(t, len(errs)*each, trail[0].Seq)
}

func TestPostgresOpensForReading(t *testing.T) {
	t.Parallel()
	url := database(t)
	_, err := store.OpenPostgresRead(t.Context(), url)
	require.ErrorContains(t, err, "read schema version", "nothing was ever written there")
	write(t, openPostgres(t, url), func(ctx context.Context, tx *store.Tx) error { return tx.SetMeta(ctx, "a", "1") })
	s, err := store.OpenPostgresRead(t.Context(), url)
	require.NoError(t, err)
	defer s.Close()
	value, err := s.Meta(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "1", value)
}

func TestNewerPostgresSchemaIsRefused(t *testing.T) {
	t.Parallel()
	url := database(t)
	_, err := openPostgres(t, url).DB().ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`)
	require.NoError(t, err)
	_, err = store.OpenPostgres(t.Context(), t.TempDir(), url)
	require.ErrorContains(t, err, "belongs to a newer hackload")
	_, err = store.OpenPostgresRead(t.Context(), url)
	require.ErrorContains(t, err, "belongs to a newer hackload")
}

func TestPostgresThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	url := database(t)
	db, err := started()
	require.NoError(t, err)
	require.NoError(t, db.Exec(t.Context(), "CREATE ROLE one_only LOGIN CONNECTION LIMIT 0 PASSWORD '"+pgtest.Password+"'"))
	name := url[strings.LastIndex(url, "/"):]
	rows := map[string]struct{ url, want string }{
		"nobody listens":      {"postgresql://me:" + pgtest.Password + "@127.0.0.1:1/contest", "the state database cannot be reached: connection refused"},
		"no such host":        {"postgresql://me:" + pgtest.Password + "@nowhere.invalid/contest", "the state database cannot be reached"},
		"no such database":    {strings.Replace(url, name, "/none"+name[strings.Index(name, "?"):], 1), "does not exist: create it"},
		"wrong password":      {strings.Replace(url, pgtest.Password, "wrong-"+pgtest.Password, 1), "refuses the user or its password"},
		"no connection left":  {strings.Replace(url, pgtest.Owner+":", "one_only:", 1), "takes no more connections"},
		"an address of MySQL": {"mysql://me:" + pgtest.Password + "@127.0.0.1/x", "not like postgresql://"},
		"a password with %":   {"postgresql://me:" + pgtest.Password + "%zz@127.0.0.1/x", "not like postgresql://"},
		"empty":               {"", "not like postgresql://"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			_, err := store.OpenPostgres(t.Context(), dir, row.url)
			require.ErrorContains(t, err, row.want)
			require.NotContains(t, err.Error(), pgtest.Password)
			open(t, dir) // the directory is free again
		})
	}
}

func TestPostgresThatGoesAway(t *testing.T) {
	t.Parallel()
	server, err := pgtest.Start()
	require.NoError(t, err)
	stop := sync.OnceFunc(server.Stop)
	t.Cleanup(stop)
	name, err := server.Database(t.Context())
	require.NoError(t, err)
	s := openPostgres(t, server.URL(pgtest.Owner, name))
	err = s.Write(t.Context(), func(tx *store.Tx) error {
		if err := tx.SetMeta(t.Context(), "a", "1"); err != nil {
			return err
		}
		stop()
		return nil
	})
	require.Error(t, err, "the commit was not taken")
	err = s.Write(t.Context(), func(*store.Tx) error { return nil })
	require.ErrorIs(t, err, store.ErrAway)
	require.NotContains(t, err.Error(), pgtest.Password)
	_, err = s.Meta(t.Context(), "a")
	require.Error(t, err)
	require.NotContains(t, err.Error(), pgtest.Password)
}

// A replica that hangs in a transaction does not hold up the others for ever.
func TestHangingWriterIsCutOff(t *testing.T) {
	t.Parallel()
	url := database(t)
	other := openPostgres(t, url+"&idle_in_transaction_session_timeout=200")
	err := other.Write(t.Context(), func(tx *store.Tx) error {
		if err := tx.SetMeta(t.Context(), "a", "hung"); err != nil {
			return err
		}
		done := make(chan error, 1)
		s := openPostgres(t, url)
		go func() {
			done <- s.Write(t.Context(), func(tx *store.Tx) error { return tx.SetMeta(t.Context(), "a", "1") })
		}()
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(20 * time.Second):
			t.Error("the others wait for ever")
		}
		return nil
	})
	require.Error(t, err, "who hung learns it")
	value, err := other.Meta(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "1", value)
}

// A server that takes what it is asked and never answers, as one does that has
// lost its power, holds nobody up for ever: also not who brought no deadline.
func TestServerThatFallsSilent(t *testing.T) {
	t.Parallel()
	direct, err := url.Parse(database(t))
	require.NoError(t, err)
	proxy := faults.New(filepath.Join(direct.Query().Get("host"), ".s.PGSQL.5432"), nil)
	at, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- proxy.Serve(ctx, at) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	through := url.URL{Scheme: "postgresql", User: direct.User, Host: at.Addr().String(), Path: direct.Path, RawQuery: "sslmode=disable&statement_timeout=5s"}

	s := openPostgres(t, through.String())
	write := func() error {
		return s.Write(context.Background(), func(tx *store.Tx) error { return tx.SetMeta(context.Background(), "a", "b") })
	}
	require.NoError(t, write())
	_, err = s.Meta(context.Background(), "a")
	require.NoError(t, err)
	proxy.Mute()
	// A connection that was idle for a second is tried first and replaced; any
	// other is found out when it is used.
	if err := write(); err != nil {
		require.ErrorIs(t, err, store.ErrAway)
	}
	_, err = s.Meta(context.Background(), "a")
	require.True(t, err == nil || errors.Is(err, store.ErrAway), err)
	require.Eventually(t, func() bool { return write() == nil }, time.Minute, 50*time.Millisecond, "it must recover by itself")
	_, err = s.Meta(context.Background(), "a")
	require.NoError(t, err)
}
