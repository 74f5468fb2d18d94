//go:build postgres || chaos

package pgtest

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
	"sync/atomic"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the database/sql driver "pgx"
)

// Password is every account's.
const Password = "hunter2"

// Owner is the account that may do everything.
const Owner = "postgres"

// Server is a real PostgreSQL. Stop it at the end.
type Server struct {
	dir string
	cmd *exec.Cmd
	log bytes.Buffer
	n   atomic.Int32 // of databases
}

// Start returns a server that takes connections. settings are the server's, like
// "max_connections=30".
func Start(settings ...string) (*Server, error) {
	// Not a test's own folder: PostgreSQL does not run as root, and its own user
	// may not enter a folder of root's; and a socket's path must be short.
	dir, err := os.MkdirTemp("/tmp", "pgtest")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir}
	if err := s.start(settings); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Server) start(settings []string) error {
	account, err := s.account()
	if err != nil {
		return err
	}
	secret := filepath.Join(s.dir, "password")
	if err := os.WriteFile(secret, []byte(Password), 0o644); err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	initdb, err := s.program(account, "initdb", "-D", data, "-U", Owner, "--auth=scram-sha-256", "--pwfile="+secret, "--no-sync", "-E", "UTF8", "--locale=C")
	if err != nil {
		return err
	}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	args := []string{"-D", data, "-k", s.dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=300"} // settings may say otherwise
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	if s.cmd, err = s.program(account, "postgres", args...); err != nil {
		return err
	}
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	return s.wait()
}

// account is who the server runs as: us, or its own user when we are root.
func (s *Server) account() (*syscall.SysProcAttr, error) {
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
func (s *Server) program(account *syscall.SysProcAttr, name string, args ...string) (*exec.Cmd, error) {
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
func (s *Server) wait() error {
	db, err := sql.Open("pgx", s.URL(Owner, "postgres"))
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

// Stop ends the server and removes all that it kept.
func (s *Server) Stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(os.Interrupt) // a fast shutdown
		_ = s.cmd.Wait()
	}
	_ = os.RemoveAll(s.dir)
}

// URL is the address of a database for an account.
func (s *Server) URL(account, database string) string {
	u := url.URL{Scheme: "postgresql", User: url.UserPassword(account, Password), Path: "/" + database}
	u.RawQuery = url.Values{"host": {s.dir}}.Encode()
	return u.String()
}

// Database makes an empty database and returns its name.
func (s *Server) Database(ctx context.Context) (name string, err error) {
	name = fmt.Sprintf("test%d", s.n.Add(1))
	return name, s.Exec(ctx, "CREATE DATABASE "+name)
}

// Exec runs statements of the owner in the database "postgres".
func (s *Server) Exec(ctx context.Context, statements ...string) error {
	db, err := sql.Open("pgx", s.URL(Owner, "postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
