//go:build postgres

package roster

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
)

const password = "hunter2"

// server is a real PostgreSQL of its own for this test binary, on a socket in a
// folder of its own.
type server struct {
	dir string
	cmd *exec.Cmd
	log bytes.Buffer
	n   atomic.Int32 // of databases
}

// started is the server of all tests, from the first that needs it.
var started = sync.OnceValues(start)

func start() (*server, error) {
	// Not t.TempDir: PostgreSQL does not run as root, and its own user may not
	// enter a folder of root's; and a socket's path must be short.
	dir, err := os.MkdirTemp("/tmp", "roster")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	teardown = s.stop
	account, err := s.account()
	if err != nil {
		return nil, err
	}
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(password), 0o644); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initdb, err := s.program(account, "initdb", "-D", data, "-U", "postgres", "--auth=scram-sha-256", "--pwfile="+secret, "--no-sync", "-E", "UTF8", "--locale=C")
	if err != nil {
		return nil, err
	}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	s.cmd, err = s.program(account, "postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=30")
	if err != nil {
		return nil, err
	}
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	return s, s.wait()
}

// account is who the server runs as: us, or its own user when we are root.
func (s *server) account() (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, _ := strconv.ParseUint(owner.Uid, 10, 32)
	gid, _ := strconv.ParseUint(owner.Gid, 10, 32)
	if err := os.Chown(s.dir, int(uid), int(gid)); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// program finds a program of the server where Debian keeps it, or on the path.
func (s *server) program(account *syscall.SysProcAttr, name string, args ...string) (*exec.Cmd, error) {
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(installed) == 0 {
		path, err := exec.LookPath(name)
		if err != nil {
			return nil, fmt.Errorf("install PostgreSQL's server (apt-get install postgresql): %w", err)
		}
		installed = []string{path}
	}
	cmd := exec.Command(installed[len(installed)-1], args...)
	cmd.Dir, cmd.SysProcAttr = s.dir, account
	return cmd, nil
}

// wait returns when the server takes connections.
func (s *server) wait() error {
	db, err := sql.Open("pgx", s.url("postgres", "postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server did not start: %w\n%s", err, s.log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *server) stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(os.Interrupt) // a fast shutdown
		_ = s.cmd.Wait()
	}
	_ = os.RemoveAll(s.dir)
}

func (s *server) url(account, database string) string {
	u := url.URL{Scheme: "postgresql", User: url.UserPassword(account, password), Path: "/" + database}
	u.RawQuery = url.Values{"host": {s.dir}}.Encode()
	return u.String()
}

// database is a fresh database with the Hub's tables and a user who may read
// them.
type database struct {
	*sql.DB        // as its owner
	url     string // as the reader
	owner   string
}

func hubDatabase(t *testing.T, statements ...string) database {
	t.Helper()
	s, err := started()
	require.NoError(t, err)
	name := fmt.Sprintf("hub%d", s.n.Add(1))
	admin, err := sql.Open("pgx", s.url("postgres", "postgres"))
	require.NoError(t, err)
	defer admin.Close()
	for _, statement := range []string{
		"CREATE DATABASE " + name,
		fmt.Sprintf("CREATE ROLE reader_%s LOGIN PASSWORD '%s'", name, password),
	} {
		_, err = admin.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	d := database{url: s.url("reader_"+name, name), owner: s.url("postgres", name)}
	d.DB, err = sql.Open("pgx", d.owner)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	d.exec(t, schema, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader_"+name)
	d.exec(t, statements...)
	return d
}

func (d database) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := d.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

func open(t *testing.T, cfg DatabaseConfig) *Database {
	t.Helper()
	d, err := OpenDatabase(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// schema is the part of the Hub's that matters, with the types that Prisma gives it.
const schema = `
CREATE TYPE "TeamStatus" AS ENUM ('NEW', 'INCOMPLETED', 'FINISHED', 'IN_REVIEW', 'APPROVED', 'CANCELED', 'REJECTED');
CREATE TABLE hackathons (
	id TEXT PRIMARY KEY, name TEXT NOT NULL, slug TEXT NOT NULL UNIQUE,
	"startDate" TIMESTAMP(3) NOT NULL, "endDate" TIMESTAMP(3) NOT NULL);
CREATE TABLE teams (
	id TEXT PRIMARY KEY, name TEXT NOT NULL, nickname TEXT NOT NULL UNIQUE,
	status "TeamStatus" NOT NULL DEFAULT 'NEW', "hackathonId" TEXT NOT NULL REFERENCES hackathons(id),
	"k6EnvironmentVars" JSONB);
CREATE TABLE team_environment_data (
	id SERIAL PRIMARY KEY, "teamId" TEXT NOT NULL REFERENCES teams(id), key TEXT NOT NULL, value TEXT NOT NULL,
	"isSecure" BOOLEAN NOT NULL DEFAULT false, UNIQUE ("teamId", key));
INSERT INTO hackathons VALUES
	('h25', 'HackLoad 2025', 'hackload-2025', '2025-08-15', '2025-08-17'), ('h24', 'Before', 'hackload-2024', '2024-08-15', '2024-08-17');
INSERT INTO teams (id, nickname, name, status, "hackathonId", "k6EnvironmentVars") VALUES
	('t1', 'zulu', 'Zulu', 'APPROVED', 'h25', NULL),
	('t2', '3g', 'Команда 3g', 'APPROVED', 'h25', '{"API_URL": "http://10.0.0.7:8080", "VUS": "10"}'),
	('t3', 'alem', 'Alem', 'APPROVED', 'h25', '["API_URL"]'),
	('t4', 'late', 'Late', 'IN_REVIEW', 'h25', NULL),
	('t5', 'old', 'Old', 'APPROVED', 'h24', NULL);
INSERT INTO team_environment_data ("teamId", key, value, "isSecure") VALUES
	('t1', 'ENDPOINT_URL', 'https://zulu.hub.example.org', false), ('t1', 'Repo', 'https://github.com/x/zulu', false),
	('t1', 'MONEY_SPEND', '1200', true), ('t1', 'MERCHANT_PASSWORD', 'hunter2', true),
	('t2', 'APPLICATION_URL', ' https://3g.example.org ', true), ('t2', 'ENDPOINT_URL', 'https://other.example.org', false),
	('t3', 'MONEY_SPEND', '', false),
	('t5', 'ENDPOINT_URL', 'https://old.example.org', false);`
