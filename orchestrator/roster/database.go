package roster

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// DatabaseURL is the address of the Hub's database, which holds a password. It
// prints and marshals as "<database>".
type DatabaseURL string

// String hides the address.
func (DatabaseURL) String() string { return "<database>" }

// GoString hides the address.
func (DatabaseURL) GoString() string { return "<database>" }

// MarshalText hides the address.
func (DatabaseURL) MarshalText() ([]byte, error) { return []byte("<database>"), nil }

// DatabaseConfig says how to read the Hub's database. Only URL is required.
type DatabaseConfig struct {
	URL      DatabaseURL             // "postgresql://user:password@host:5432/hackload", also with Prisma's parameters
	PoolSize int                     // connections at most; 0 means 5
	Timeout  time.Duration           // of one reading and of each statement in it; 0 means 30 s
	Keys     contest.EnvironmentKeys // of the teams' environment
	// Override is the key of a team's k6 variables that, where it is set, stands
	// in for the endpoint ("API_URL"); empty: they are not looked at.
	Override string
}

// Database is the Hub's PostgreSQL as a source of teams. It only reads, in
// transactions that could do nothing else. Make one with OpenDatabase and close
// it at the end.
type Database struct {
	db      *sql.DB
	timeout time.Duration
	keys    contest.EnvironmentKeys
	key     string // of the override
	schema  string // search path; empty: the server's
}

// OpenDatabase returns the source. It makes no connection.
func OpenDatabase(cfg DatabaseConfig) (*Database, error) {
	d := &Database{timeout: or(cfg.Timeout, 30*time.Second), keys: cfg.Keys.WithDefaults(), key: cfg.Override}
	parsed, err := pgx.ParseConfig(string(cfg.URL))
	if err != nil || cfg.URL == "" {
		// The cause quotes the address, whose password may stand where none is expected.
		return nil, errors.New("database URL: want one like postgresql://user:password@host:5432/database")
	}
	d.schema = d.prepare(parsed)
	if cfg.PoolSize <= 0 {
		cfg.PoolSize = 5
	}
	d.db = stdlib.OpenDB(*parsed)
	d.db.SetMaxOpenConns(cfg.PoolSize)
	d.db.SetMaxIdleConns(min(cfg.PoolSize, 2))
	d.db.SetConnMaxIdleTime(time.Minute)
	return d, nil
}

// prepare makes a connection unable to write or to hang, and returns the schema
// that the address asks for. The Hub's own address is one for Prisma, whose
// parameters a server would refuse as settings that it does not know.
func (d *Database) prepare(c *pgx.ConnConfig) (schema string) {
	settings := c.RuntimeParams
	schema = settings["schema"]
	pooled := settings["pgbouncer"] == "true"
	for _, prisma := range []string{
		"schema", "pgbouncer", "connection_limit", "pool_timeout", "socket_timeout", "statement_cache_size",
		"max_idle_connection_lifetime", "max_connection_lifetime", "sslaccept", "sslidentity", "sslpassword",
	} {
		delete(settings, prisma)
	}
	// Statements prepared on one connection are unknown on the next one that a
	// pooler hands out, and one reading now and then gains nothing by them.
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.ConnectTimeout = d.timeout
	if pooled { // it refuses settings at the start of a connection
		return schema
	}
	settings["default_transaction_read_only"] = "on"
	settings["statement_timeout"] = strconv.FormatInt(d.timeout.Milliseconds(), 10)
	settings["idle_in_transaction_session_timeout"] = settings["statement_timeout"]
	if settings["application_name"] == "" {
		settings["application_name"] = "hackload"
	}
	return schema
}

// Close closes the connections.
func (d *Database) Close() error { return d.db.Close() }

// Name names the source.
func (d *Database) Name() string { return "the Hub's database" }

// Teams returns the approved teams of a hackathon, named by its id or its slug,
// with what their environment says of endpoint, repository and spend.
func (d *Database) Teams(ctx context.Context, hackathon string) ([]contest.Team, error) {
	ctx, stop := context.WithTimeout(ctx, d.timeout)
	defer stop()
	tx, err := d.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", explain(err))
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	teams, err := reader{tx, d}.teams(ctx, hackathon)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("read the database: %w", context.Cause(ctx))
	}
	return teams, err
}

// begin gives the transaction its limits, also where a pooler took the
// connection's own away.
func (r reader) begin(ctx context.Context) error {
	millis := strconv.FormatInt(r.source.timeout.Milliseconds(), 10)
	settings := [][2]string{{"statement_timeout", millis}, {"lock_timeout", millis}}
	if r.source.schema != "" {
		settings = append(settings, [2]string{"search_path", pgx.Identifier{r.source.schema}.Sanitize()})
	}
	for _, s := range settings {
		if _, err := r.tx.ExecContext(ctx, "SELECT set_config($1, $2, true)", s[0], s[1]); err != nil {
			return fmt.Errorf("set %s: %w", s[0], explain(err))
		}
	}
	return nil
}

// need is a column that is read; optional ones may be missing.
type need struct {
	table, column string
	optional      bool
}

func (n need) String() string { return fmt.Sprintf("%s.%q", n.table, n.column) }

// needs lists what is read of the Hub's tables.
func needs(hackathon, override string) []need {
	list := []need{
		{"teams", "id", false}, {"teams", "name", false}, {"teams", "nickname", false},
		{"teams", "hackathonId", false}, {"teams", "status", false},
		{"team_environment_data", "teamId", false}, {"team_environment_data", "key", false},
		{"team_environment_data", "value", false}, {"team_environment_data", "isSecure", false},
	}
	if override != "" {
		list = append(list, need{"teams", "k6EnvironmentVars", true})
	}
	if hackathon != "" {
		list = append(list, need{"hackathons", "id", false}, need{"hackathons", "slug", false})
	}
	return list
}

// missing says in one sentence what of the needs cannot be read, by table and
// column; readable maps each column that exists to whether it may be read.
func missing(list []need, readable map[need]bool) error {
	tables := map[string]bool{}
	for column := range readable {
		tables[column.table] = true
	}
	var absent, forbidden []string
	named := map[string]bool{}
	for _, n := range list {
		may, exists := readable[need{n.table, n.column, false}]
		switch {
		case n.optional || may:
		case !tables[n.table]:
			if !named[n.table] {
				absent = append(absent, "table "+n.table)
			}
			named[n.table] = true
		case !exists:
			absent = append(absent, "column "+n.String())
		default:
			forbidden = append(forbidden, n.String())
		}
	}
	var sentences []string
	if len(absent) > 0 {
		sentences = append(sentences, "there is no "+strings.Join(absent, ", no ")+": is this the Hub's database and schema?")
	}
	if len(forbidden) > 0 {
		sentences = append(sentences, "this user may not read "+strings.Join(forbidden, ", ")+": GRANT SELECT to it")
	}
	if len(sentences) == 0 {
		return nil
	}
	return errors.New(strings.Join(sentences, "; "))
}
