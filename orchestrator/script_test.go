package main

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// TestStories tells the command line as stories: testdata/script holds one a
// file. Beside testscript's own commands they have
//
//	exits CODE PROGRAM ARGS…   run the program and expect the exit code
//	json FILE PATH WANT        expect a value (a gjson path) in a file, or in stdout
//	nowhere TEXT               expect TEXT in no output and no file under $WORK
//	hold DIR                   own a state directory until the story ends
//	newer DIR                  make a state directory look as if a newer program wrote it
//	differ PATH FILE FILE      expect two values (of one gjson path) that differ and are there
//	garble FILE                replace each ? by a byte that is no UTF-8
//	explain-last DIR           explain the state directory's newest run, and expect agreement
//
// and in the environment the URLs of a good service and of hostile servers:
// $GOOD, $FAILING, $HTML, $BIG, $ENDLESS, $HANGING, $CIRCLE, $REFUSING.
func TestStories(t *testing.T) {
	t.Parallel()
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup:               func(e *testscript.Env) error { return stage(e, filepath.Dir(program)) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "json": holdsJSON, "nowhere": nowhere, "hold": hold, "newer": newer,
			"garble": garble, "differ": differ, "explain-last": explainLast,
		},
	})
}

// stage starts a story's servers and puts the program on its path.
func stage(e *testscript.Env, bin string) error {
	e.Setenv("PATH", bin+string(filepath.ListSeparator)+e.Getenv("PATH"))
	e.Setenv("TMPDIR", e.Getenv("WORK")+"/.tmp")
	e.Setenv("REFUSING", refusing)
	service, err := biletter.New(biletter.Good, biletter.Options{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := serveStory(e, "GOOD", func(ln net.Listener) { _ = service.Serve(ctx, ln) }); err != nil {
		cancel()
		return err
	}
	e.Defer(cancel)
	for name, handler := range hostile() {
		server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Second}
		if err := serveStory(e, name, func(ln net.Listener) { _ = server.Serve(ln) }); err != nil {
			return err
		}
		e.Defer(func() { _ = server.Close() })
	}
	return nil
}

// serveStory serves on loopback until the story ends and names the URL.
func serveStory(e *testscript.Env, name string, serve func(net.Listener)) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	e.Setenv(name, "http://"+ln.Addr().String())
	done := make(chan struct{})
	go func() { defer close(done); serve(ln) }()
	e.Defer(func() { <-done }) // what stops it is deferred later, so it runs first
	return nil
}

// hostile are servers as no team should build them.
func hostile() map[string]http.HandlerFunc {
	big := strings.Repeat(" ", 10<<20)
	return map[string]http.HandlerFunc{
		"FAILING": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "out of order", http.StatusInternalServerError)
		},
		"HTML": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<!doctype html><title>Welcome</title>")
		},
		"BIG":     func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, big) },
		"HANGING": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"ENDLESS": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, big[:1000])
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Millisecond)
			}
		},
		"CIRCLE": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) },
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

func holdsJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: json FILE PATH WANT")
	}
	text := ts.ReadFile(args[0])
	if !gjson.Valid(text) {
		ts.Fatalf("%s is not JSON:\n%s", args[0], text)
	}
	if got := gjson.Get(text, args[1]).String(); (got == args[2]) == neg {
		ts.Fatalf("%s: %s is %q, want %q (negated: %v)", args[0], args[1], got, args[2], neg)
	}
}

func nowhere(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: nowhere TEXT")
	}
	for _, name := range []string{"stdout", "stderr"} {
		if strings.Contains(ts.ReadFile(name), args[0]) {
			ts.Fatalf("%s contains %q", name, args[0])
		}
	}
	files := 0
	ts.Check(filepath.WalkDir(ts.Getenv("WORK"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(text), args[0]) {
			ts.Fatalf("%s contains %q", path, args[0])
		}
		return err
	}))
	if files == 0 {
		ts.Fatalf("there is no file to look into")
	}
}

func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hold DIR")
	}
	s, err := store.Open(context.Background(), ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Defer(func() { _ = s.Close() })
}

func newer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: newer DIR")
	}
	dir := ts.MkAbs(args[0])
	s, err := store.Open(context.Background(), dir)
	ts.Check(err)
	ts.Check(s.Close())
	db, err := sql.Open("sqlite", filepath.Join(dir, "state.db"))
	ts.Check(err)
	_, err = db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`)
	ts.Check(errors.Join(err, db.Close()))
}

func garble(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: garble FILE")
	}
	text := strings.ReplaceAll(ts.ReadFile(args[0]), "?", "\xff")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

func explainLast(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: explain-last DIR")
	}
	s, err := store.OpenRead(context.Background(), ts.MkAbs(args[0]))
	ts.Check(err)
	runs, err := s.Runs(context.Background(), store.RunFilter{Limit: 1})
	ts.Check(errors.Join(err, s.Close()))
	if len(runs) == 0 {
		ts.Fatalf("%s holds no run", args[0])
	}
	exits(ts, false, []string{"0", "hackload", "explain", string(runs[0].TestID), "--state", args[0]})
}

func differ(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: differ PATH FILE FILE")
	}
	a, b := gjson.Get(ts.ReadFile(args[1]), args[0]).String(), gjson.Get(ts.ReadFile(args[2]), args[0]).String()
	if a == "" || b == "" || a == b {
		ts.Fatalf("%s is %q in %s and %q in %s", args[0], a, args[1], b, args[2])
	}
}
