package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// Both are advisory locks of PostgreSQL: one that every writing transaction of
// ours holds to its end, and one for whoever brings the schema up to date.
const (
	lockWriter = 0x4861636b_00000001
	lockSchema = 0x4861636b_00000002
)

const (
	connectTimeout = 10 * time.Second
	writeConns     = 8 // the job queue works beside our transactions
	readConns      = 4
)

// OpenPostgres locks dir (creating it if need be) for what stays on this
// machine, opens the PostgreSQL database at url and brings it to this program's
// schema. Other processes may work on the same database, each with a directory
// of its own. Errors do not show the URL, which holds a password.
func OpenPostgres(ctx context.Context, dir, url string) (*Store, error) {
	s, err := inDir(dir)
	if err != nil {
		return nil, err
	}
	s.replica, err = identity(dir)
	if err == nil {
		err = s.openPostgres(ctx, url)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open state database: %w", err), s.Close())
	}
	return s, nil
}

func (s *Store) openPostgres(ctx context.Context, url string) (err error) {
	s.dialect = inPostgres
	if s.write, err = connect(url, writeConns, map[string]string{}); err != nil {
		return err
	}
	if err := migrate(ctx, s.write, inPostgres); err != nil {
		return err
	}
	return s.openPostgresRead(url)
}

func (s *Store) openPostgresRead(url string) error {
	read, err := connect(url, readConns, map[string]string{"default_transaction_read_only": "on"})
	s.read = pool{read, inPostgres}
	return err
}

// OpenPostgresRead opens the database at url for reading only. It needs no
// state directory.
func OpenPostgresRead(ctx context.Context, url string) (*Store, error) {
	s := &Store{dialect: inPostgres}
	if err := s.openPostgresRead(url); err != nil {
		return nil, fmt.Errorf("open state database: %w", err)
	}
	if _, err := s.readable(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open state database: %w", err), s.Close())
	}
	return s, nil
}

func parseURL(url string) (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(url)
	if err != nil || !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		// The cause quotes the address, whose password may stand where none is expected.
		return nil, errors.New("the URL of the state database is not like postgresql://user:password@host:5432/database")
	}
	return c, nil
}

// connect returns a pool. It makes no connection yet. A connection that hangs in
// a transaction gives the others' way free after a while.
func connect(url string, most int, settings map[string]string) (*sql.DB, error) {
	c, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	c.ConnectTimeout = connectTimeout
	settings["statement_timeout"], settings["lock_timeout"], settings["idle_in_transaction_session_timeout"] = "60s", "30s", "30s"
	settings["application_name"] = "hackload"
	for name, value := range settings {
		if c.RuntimeParams[name] == "" {
			c.RuntimeParams[name] = value
		}
	}
	longest, err := longestSilence(c.RuntimeParams["statement_timeout"])
	if err != nil {
		return nil, err
	}
	if dial := c.DialFunc; longest > 0 {
		c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &listening{Conn: conn, longest: longest}, nil
		}
	}
	db := sql.OpenDB(telling{stdlib.GetConnector(*c)})
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db, nil
}

// telling is a connector whose errors are in words that name no secret.
type telling struct{ driver.Connector }

// Connect makes a connection.
func (t telling) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := t.Connector.Connect(ctx)
	if err == nil {
		return conn, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("connect to the state database: %w", ctx.Err())
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return nil, explainPostgres(pg)
	}
	return nil, fmt.Errorf("%w: %s", ErrAway, networkCause(err))
}

// networkCause is the part of a failed connection that names neither the user
// nor anything else of the URL but a host.
func networkCause(err error) string {
	var dns *net.DNSError
	var errno syscall.Errno
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &dns):
		return dns.Error()
	case errors.As(err, &errno):
		return errno.Error()
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	}
	return "the connection was refused or is not as the URL wants it (TLS?)"
}

// explainPostgres puts into words what the caller can do something about.
func explainPostgres(e *pgconn.PgError) error {
	told := fmt.Errorf("%s (%s)", e.Message, e.Code)
	switch {
	case e.Code == "53100":
		return fmt.Errorf("%w: %w", ErrFull, told)
	case e.Code == "53300":
		return fmt.Errorf("%w: it takes no more connections: raise its max_connections or run fewer replicas: %w", ErrAway, told)
	case strings.HasPrefix(e.Code, "57P"), strings.HasPrefix(e.Code, "08"):
		return fmt.Errorf("%w: %w", ErrAway, told)
	case strings.HasPrefix(e.Code, "28"):
		return fmt.Errorf("the state database refuses the user or its password: %w", told)
	case e.Code == "3D000":
		return fmt.Errorf("the state database does not exist: create it: %w", told)
	}
	return told
}

// becomeWriter waits until no other transaction of ours is under way.
func (s Statements) becomeWriter(ctx context.Context) error {
	if s.dialect == inSQLite {
		return nil // BEGIN IMMEDIATE did so
	}
	_, err := s.Tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(lockWriter))
	return err
}

// Schema is how far a database's schema has come.
type Schema struct {
	Version int64 // 0: nothing was ever written there
	Known   int64 // this program's
}

// Examine asks the database at url for its schema and changes nothing. One that
// cannot be reached, or belongs to a newer program, is an error.
func Examine(ctx context.Context, url string) (found Schema, err error) {
	if found.Known, err = SchemaVersion(); err != nil {
		return found, err
	}
	s := &Store{dialect: inPostgres}
	if err := s.openPostgresRead(url); err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var there bool
	if err := s.read.QueryRowContext(ctx, `SELECT to_regclass('goose_db_version') IS NOT NULL`).Scan(&there); err != nil || !there {
		return found, wrap("read schema version", err)
	}
	err = s.read.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&found.Version)
	if err == nil && found.Version > found.Known {
		return found, newerSchema(found.Version, found.Known)
	}
	return found, wrap("read schema version", err)
}
