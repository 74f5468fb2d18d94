// Package hub is a Hub of our own: the service API of the contest's Hub on a
// SQLite file, for a whole contest on one machine and for tests.
//
// In come the API's HTTP requests; out go the answers that the real Hub gives,
// its oddities included: a bulk with one invalid update is refused whole with a
// 500 and no reason, failures of single updates hide in a 200, scores are 32-bit
// integers, score and metrics that are left out keep their old values, secret
// values come masked, and every accepted update leaves a row of history.
//
// What a caller was told is committed; the file can be opened again after any
// crash and holds just that. Faults can be injected with Fail: answers that are
// late, broken, wrong, or lost after the work was done.
package hub

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

//go:embed schema.sql
var schema string

// Hub is an open database with a handler over it. Make one with Open.
type Hub struct {
	db    *sql.DB
	fault atomic.Pointer[FaultFunc]
}

// Open opens the Hub kept in the file path, and creates it when there is none.
func Open(path string) (*Hub, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_txlock=immediate" +
		"&_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(1)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open hub database: %w", err)
	}
	// One connection: requests take turns, and none can see half of another.
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(schema); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare hub database %s: %w", path, err), db.Close())
	}
	return &Hub{db: db}, nil
}

// Close closes the database. Stop serving first.
func (h *Hub) Close() error {
	if err := h.db.Close(); err != nil {
		return fmt.Errorf("close hub database: %w", err)
	}
	return nil
}

// inTx runs do in one transaction: all of it happens, or nothing.
func (h *Hub) inTx(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := h.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// timestamp is the current time as the Hub writes it.
func timestamp() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// newID returns an id that was never used before.
func newID() string { return strings.ToLower(ulid.Make().String()) }
