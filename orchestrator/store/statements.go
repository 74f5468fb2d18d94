package store

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// dialect is which database the state is in. Statements are written once, in
// the SQL that both understand, with ? for each parameter.
type dialect int

const (
	inSQLite dialect = iota
	inPostgres
)

// bind writes a statement's parameters as the database wants them. No statement
// has a ? inside a text.
func (d dialect) bind(query string) string {
	if d == inSQLite {
		return query
	}
	parts := strings.Split(query, "?")
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	return b.String()
}

// Statements runs statements with ? parameters in a transaction on either
// database. Its Tx is database/sql's own, for the job queue that shares it.
type Statements struct {
	*sql.Tx
	dialect dialect
}

// ExecContext runs a statement that returns no rows.
func (s Statements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return s.Tx.ExecContext(ctx, s.dialect.bind(query), args...)
}

// QueryContext runs a query. Its rows must be closed before the next statement.
func (s Statements) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return s.Tx.QueryContext(ctx, s.dialect.bind(query), args...)
}

// QueryRowContext runs a query of at most one row.
func (s Statements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return s.Tx.QueryRowContext(ctx, s.dialect.bind(query), args...)
}

// pool is a pool of connections whose statements have ? parameters.
type pool struct {
	*sql.DB
	dialect dialect
}

func (p pool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return p.DB.QueryContext(ctx, p.dialect.bind(query), args...)
}

func (p pool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return p.DB.QueryRowContext(ctx, p.dialect.bind(query), args...)
}

// querier is what reading needs of a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// marks returns n parameters for an IN list; without any it matches nothing.
func marks(n int) string {
	if n == 0 {
		return "NULL"
	}
	return strings.TrimSuffix(strings.Repeat("?,", n), ",")
}
