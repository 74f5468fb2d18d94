package launch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
)

// The test binary plays five parts: the tests, a generator that behaves as it is
// told, the real one, the real one with little memory, and an orchestrator that is
// killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "as-generator":
			// Not os.Exit, which waits for a second under the race detector.
			syscall.Exit(generator(os.Args[2:]))
		case "as-loadgen":
			ctx, hard, stop := loadgen.Signals(context.Background())
			defer stop()
			syscall.Exit(loadgen.Command(ctx, os.Args[2:], loadgen.IO{Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ, Hard: hard, Version: "1.2.3"}))
		case "as-small-loadgen":
			dieOf(128 << 20)
			syscall.Exit(loadgen.Command(context.Background(), os.Args[2:], loadgen.IO{Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ}))
		case "as-orchestrator":
			syscall.Exit(orchestrator(os.Args[2]))
		}
	}
	goleak.VerifyTestMain(m)
}

// generator behaves as the variable BEHAVE says.
func generator(args []string) int {
	flags := map[string]string{}
	env := map[string]string{}
	for i := 1; i+1 < len(args); i++ {
		flags[args[i]] = args[i+1]
	}
	for _, pair := range os.Environ() {
		k, v, _ := strings.Cut(pair, "=")
		env[k] = v
	}
	if args[0] == "inspect" {
		return inspect(env)
	}
	seen, _ := json.Marshal(map[string]any{"args": args, "env": os.Environ()})
	_ = os.WriteFile("seen.json", seen, 0o600)
	return behave(env, flags["--progress-file"], flags["--result-file"])
}

func inspect(env map[string]string) int {
	switch env["BEHAVE"] {
	case "broken":
		fmt.Fprintln(os.Stderr, "loading\nscript search.js: line 3: unexpected token")
		return 107
	case "silent":
		return 3
	case "endless":
		for {
			fmt.Println(strings.Repeat("x", 1<<16))
		}
	case "nonsense":
		fmt.Println("<html>")
		return 0
	case "hang":
		time.Sleep(time.Minute)
	}
	_ = json.NewEncoder(os.Stdout).Encode(contest.Script{Name: "search", SHA256: env["USERS"]})
	return 0
}

func behave(env map[string]string, progress, result string) int {
	began := time.Now()
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	code, _ := strconv.Atoi(env["CODE"])
	switch env["BEHAVE"] {
	case "crash":
		fmt.Println("about to go wrong at http://me:canary@host/x?y=z@home")
		return code
	case "panic":
		panic("no more memory for virtual users")
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "segfault":
		_ = syscall.Kill(os.Getpid(), syscall.SIGABRT)
		time.Sleep(time.Minute)
	case "chatter":
		for range 3 << 10 {
			fmt.Println(strings.Repeat("x", 1023))
		}
		fmt.Println("the newest line")
		fallthrough
	case "run":
		_ = launch.WriteProgress(progress, contest.Progress{VUs: 7, Phase: "steady"})
		select {
		case <-told:
			code = 105
		case <-time.After(time.Minute):
		}
	default:
		_ = launch.WriteProgress(progress, contest.Progress{Requests: 42})
	}
	_ = launch.WriteResult(result, launch.Result{ExitCode: code, Aborted: code == 99, Started: began, Ended: time.Now()})
	return code
}

// orchestrator starts a launch and then waits to be killed.
func orchestrator(dir string) int {
	l := launch.New(config(dir))
	if err := l.Start(context.Background(), job("orphan", "run")); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("started")
	time.Sleep(time.Minute)
	return 0
}

func config(dir string) launch.Config {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return launch.Config{
		Program: self, Args: []string{"as-generator"}, Dir: filepath.Join(dir, "launches"), Grace: 300 * time.Millisecond,
		Scenarios: fstest.MapFS{
			"search.js":             {Data: []byte("import './lib/users.js'")},
			"lib/users.js":          {Data: []byte("export const n = 1")},
			"node_modules/k6/x.js":  {Data: []byte("never copied")},
			"node_modules/big.json": {Data: []byte("never copied")},
		},
		BlacklistIPs: []string{"10.0.0.0/8", "169.254.0.0/16"}, PushInterval: time.Second,
		Environ: []string{"PATH=/usr/bin", "HOME=/root", "SERVICE_API_KEY=hub-key", "GOMEMLIMIT=100MiB", "LOADGEN_GOMAXPROCS=3", "LOADGEN_SECRET=x"},
	}
}

// job is a launch whose generator behaves as told.
func job(id contest.TestID, behaviour string) contest.Launch {
	return contest.Launch{
		TestID: id, Team: "Good_Team", Scenario: "search", Level: contest.Level{Users: 25},
		Env:     map[string]string{"BEHAVE": behaviour, "API_URL": "http://127.0.0.1:1/?a=b c", "CODE": "0"},
		Timeout: contest.Duration(time.Minute), WriteURL: "http://127.0.0.1:1/api/v1/write", WriteToken: "write-token",
		Generators: 1,
	}
}
