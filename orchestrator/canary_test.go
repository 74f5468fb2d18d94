package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
)

// aviary is a contest each of whose secrets is a canary: a text that occurs
// nowhere else, so that whatever holds it has let that secret out.
type aviary struct {
	*outside
	birds    map[string]string // by the secret's name
	state    string
	scripts  string
	pages    string
	metrics  string
	process  *exec.Cmd
	log      lockedBuffer
	ended    chan error
	reported lockedBuffer // what Sentry was sent
}

// planted makes a canary.
func (a *aviary) planted(name string) string {
	a.birds[name] = "cnry" + strings.ToLower(rand.Text())
	return a.birds[name]
}

// openAviary stands up what is outside, all of it hostile: it answers with what
// it was sent, secrets included.
func openAviary(t *testing.T) *aviary {
	t.Helper()
	a := &aviary{outside: standUp(t), birds: map[string]string{}, state: t.TempDir(), scripts: t.TempDir(), ended: make(chan error, 1)}
	a.birds["the Hub's key"] = a.key
	behind := strings.TrimPrefix(a.service, "http://")
	secured := []labhub.Variable{
		{Key: "ENDPOINT_URL", Value: "http://" + a.planted("a team's user name") + ":" + a.planted("a team's password") + "@" + behind, Category: "api"},
		{Key: "Repo", Value: "https://x:" + a.planted("a repository's password") + "@github.com/hackload-kz/tickets", Category: "development"},
	}
	require.NoError(t, a.hub.Seed(t.Context(),
		labhub.Team{Slug: "guarded", Name: "Guarded\n\x1b[31mteam", Environment: secured},
		labhub.Team{Slug: "gone", Name: "Gone", Environment: []labhub.Variable{
			{Key: "ENDPOINT_URL", Value: "http://x:" + a.planted("a dead team's password") + "@127.0.0.1:1", Category: "api"},
		}},
		labhub.Team{Slug: "bad", Name: "Bad", Environment: []labhub.Variable{
			{Key: "ENDPOINT_URL", Value: "http://x:" + a.planted("an unusable address' password") + "@bad host/", Category: "api"},
		}},
	))
	var mu sync.Mutex
	echoed := 0
	a.hub.Fail(func(r *http.Request) *labhub.Fault {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodGet || echoed >= 3 {
			return nil
		}
		echoed++ // the first changes are refused with everything that was sent
		return &labhub.Fault{Status: http.StatusInternalServerError, Body: fmt.Sprint(r.Header)}
	})
	return a
}

// echo is a server that refuses everything, and repeats what it was sent.
func echo(t *testing.T, kept io.Writer) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		_, _ = kept.Write(append(body, '\n'))
		w.WriteHeader(http.StatusUnauthorized)
		user, password, _ := r.BasicAuth()
		fmt.Fprintf(w, `{"message":%q,"documentation_url":"%v %s %s"}`, r.Header.Get("Authorization"), r.URL, user, password)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// environment is that of serve: a canary in each variable that is secret.
func (a *aviary) environment(t *testing.T) []string {
	t.Helper()
	hostile := echo(t, io.Discard)
	host := strings.TrimPrefix(hostile, "http://")
	sentry := strings.TrimPrefix(echo(t, &a.reported), "http://")
	pages, metrics := freePort(t), freePort(t)
	a.pages, a.metrics = fmt.Sprintf("http://127.0.0.1:%d", pages), fmt.Sprintf("http://127.0.0.1:%d", metrics)
	return append(os.Environ(),
		"NODE_ENV=production", "LOG_LEVEL=debug", "HACKLOAD_STATE_DIR="+a.state,
		fmt.Sprintf("HEALTH_CHECK_PORT=%d", pages), fmt.Sprintf("METRICS_PORT=%d", metrics),
		"API_BASE_URL=http://"+a.hubAt, "SERVICE_API_KEY="+a.key, "ADMIN_TOKEN="+a.planted("the admin token"),
		"GITHUB_API_URL="+hostile, "GITHUB_TOKEN="+a.planted("GitHub's token"),
		"GRAFANA_API_URL="+hostile+"/api", "GRAFANA_USERNAME=viewer", "GRAFANA_PASSWORD="+a.planted("Grafana's password"),
		"DATABASE_URL=postgres://hackload:"+a.planted("the database's password")+"@"+host+"/hackload",
		"SENTRY_DSN=http://"+a.planted("Sentry's key")+"@"+sentry+"/1",
		"PROMETHEUS_PUSHGATEWAY_URL=http://pusher:"+a.planted("the gateway's password")+"@"+host,
		"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY="+a.planted("AWS' key"),
		"AZURE_CLIENT_ID=client", "AZURE_TENANT_ID=tenant", "AZURE_CLIENT_SECRET="+a.planted("Azure's secret"),
	)
}

// configure writes a contest in which everything is measured, with users whose passwords
// are canaries.
func (a *aviary) configure(t *testing.T) string {
	t.Helper()
	users := filepath.Join(a.scripts, "users.csv")
	text := "user_id,email,password_plain,is_active\n"
	for i := range 3 {
		text += fmt.Sprintf("%d,u%d@example.org,%s,True\n", i+1, i+1, a.planted(fmt.Sprintf("user %d's password", i+1)))
	}
	require.NoError(t, os.WriteFile(users, []byte(text), 0o600))
	file := filepath.Join(t.TempDir(), "hackload.yaml")
	require.NoError(t, os.WriteFile(file, []byte(fmt.Sprintf(`
hub: {timeout: 2s, retries: 1, rate_limit_per_minute: 10000}
load: {allow_private_targets: true, max_targets: 3, push_interval: 1s, invalid_retries: 1}
grafana: {run_dashboard: {uid: hackload-run}}
contest:
  criteria:
    CODE_REPO: {rule: commits, points: 1, commits: {min: 1, recent: 24h}}
    DEPLOYED_SOLUTION: {rule: http, points: 1}
    BUDGET_TRACKING: {rule: rank, points: 30}
    TICKET_BOOKING: {scenario: booking, repeats: 1, levels: [{users: 2, ramp: 1s, duration: 5s, points: 1, users_file: %q}]}
    EVENT_SEARCH: {scenario: search, repeats: 1, levels: [{users: 2, ramp: 1s, duration: 5s, points: 1}]}
`, users)), 0o600))
	return file
}

// start runs serve and waits until it answers.
func (a *aviary) start(t *testing.T) {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	environment := a.environment(t)
	a.process = exec.Command(path, "serve", "--config", a.configure(t))
	a.process.Env, a.process.Stdout, a.process.Stderr = environment, &a.log, &a.log
	require.NoError(t, a.process.Start())
	go func() { a.ended <- a.process.Wait() }()
	t.Cleanup(func() { _ = a.process.Process.Kill() })
	a.until(t, "serve answers", func() bool { return a.get(t, a.pages+"/healthz", false) != "" })
}

func (a *aviary) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, func() bool { return is() || len(a.ended) > 0 }, 5*time.Minute, 100*time.Millisecond, what)
	require.Empty(t, a.ended, "%s: serve has ended: %s", what, a.log.String())
}

// get returns an answer with its head; "" for none.
func (a *aviary) get(t *testing.T, address string, organiser bool) string {
	t.Helper()
	return a.ask(t, http.MethodGet, address, "", organiser)
}

func (a *aviary) ask(t *testing.T, method, address, body string, organiser bool) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	require.NoError(t, err)
	if organiser {
		req.Header.Set("Authorization", "Bearer "+a.birds["the admin token"])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return fmt.Sprint(resp.Status, resp.Header, "\n", string(text))
}

// escaped reports the canaries in what somebody may see, however they are written.
func (a *aviary) escaped(t *testing.T, where string, text []byte, but ...string) {
	t.Helper()
	raw := text
	text = bytes.ToLower(text)
	for name, bird := range a.birds {
		if strings.Contains(strings.Join(but, "\n"), name) {
			continue
		}
		for _, form := range []string{bird, url.QueryEscape(bird), hex.EncodeToString([]byte(bird)), base64.StdEncoding.EncodeToString([]byte(bird))} {
			if at := bytes.Index(text, bytes.ToLower([]byte(form))); at >= 0 {
				t.Errorf("%s holds %s: …%s…", where, name, text[max(0, at-150):min(len(text), at+80)])
			}
		}
	}
	// Within "Basic …" a secret stands behind a name, so what decodes is looked at too.
	for _, word := range regexp.MustCompile(`[A-Za-z0-9+/]{24,}={0,2}`).FindAll(raw, -1) {
		inside, _ := base64.RawStdEncoding.DecodeString(strings.TrimRight(string(word), "="))
		for name, bird := range a.birds {
			if bytes.Contains(inside, []byte(bird)) && !strings.Contains(strings.Join(but, "\n"), name) {
				t.Errorf("%s holds %s in base64: …%s…", where, name, word)
			}
		}
	}
}

// arguments looks at how processes were called, as any user of the machine can.
func (a *aviary) arguments(t *testing.T) (generators int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it ended meanwhile
		}
		a.escaped(t, file, text)
		if bytes.Contains(text, []byte("loadgen")) && bytes.Contains(text, []byte(a.state)) {
			generators++
		}
	}
	return generators
}

// crawl reads every page, answer and metric.
func (a *aviary) crawl(t *testing.T, organiser bool) (read int) {
	t.Helper()
	queue, seen := []string{"/", "/health", "/healthz", "/readyz", "/api/v1/results", "/api/v1/results.csv", "/api/v1/services", "/api/v1/runs",
		"/api/v1/outbox", "/api/v1/dead-letters", "/api/v1/audit", "/api/v1/suspicions", "/api/v1/overrides", "/api/v1/exclusions", "/nothing", "/runs/..%2f..%2fetc%2fpasswd",
		"/organisers/login", "/api/v1/teams/guarded", "/api/v1/teams/gone", "/api/v1/teams/bad"}, map[string]bool{}
	link := regexp.MustCompile(`(?:"url":"|href="|src=")(?:` + regexp.QuoteMeta(a.pages) + `)?(/[^"#]*)`)
	id := regexp.MustCompile(`"id":"([0-9A-Za-z]{20,})"`)
	for len(queue) > 0 {
		path := queue[0]
		queue = queue[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		text := a.get(t, a.pages+path, organiser)
		require.NotEmpty(t, text, path)
		a.escaped(t, path, []byte(text))
		for _, found := range link.FindAllStringSubmatch(text, -1) {
			queue = append(queue, found[1])
		}
		for _, found := range id.FindAllStringSubmatch(text, -1) {
			queue = append(queue, "/runs/"+found[1], "/api/v1/runs/"+found[1], "/api/v1/runs/"+found[1]+"/evidence")
		}
	}
	a.escaped(t, "metrics", []byte(a.get(t, a.metrics+"/metrics", false)))
	return len(seen)
}

// files reads all that is kept on disk. What a launch needs of a team's address
// is there, for this user alone; nothing else is.
func (a *aviary) files(t *testing.T) (read int) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(a.state, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return nil // a file of the moment
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		read++
		closed := info.Mode().Perm()&0o077 == 0
		for at := filepath.Dir(path); !closed && strings.HasPrefix(at, a.state+"/"); at = filepath.Dir(at) {
			folder, err := os.Stat(at)
			closed = err == nil && folder.Mode().Perm()&0o077 == 0
		}
		var allowed []string
		if closed {
			allowed = []string{"a team's user name", "a team's password", "a dead team's password", "a repository's password", "an unusable address' password"}
		}
		a.escaped(t, path, text, allowed...)
		return nil
	}))
	return read
}

// TestNoSecretGetsOut runs a service whose secrets are all canaries, lets
// everything fail around it, kills it so that it tells its stacks, and looks for
// the canaries in whatever came out.
func TestNoSecretGetsOut(t *testing.T) {
	t.Parallel()
	a := openAviary(t)
	a.start(t)
	for _, service := range []string{"git-monitor", "deployment-monitor", "cost-tracking", "k6-booking-testing", "k6-search-testing"} {
		said := a.ask(t, http.MethodPost, a.pages+"/api/v1/services/"+service+"/run", `{"who":"the test","why":"canaries"}`, true)
		require.True(t, strings.HasPrefix(said, "200"), said)
	}
	a.until(t, "a generator works", func() bool { return a.arguments(t) > 0 })
	a.until(t, "everything is judged", func() bool { a.arguments(t); return a.judged(t) })
	require.Greater(t, a.crawl(t, false), 20)
	require.Greater(t, a.crawl(t, true), 30)
	require.Greater(t, a.files(t), 3)

	require.NoError(t, a.process.Process.Signal(syscall.SIGQUIT))
	select {
	case <-a.ended:
	case <-time.After(5 * time.Minute):
		t.Fatal("serve did not end")
	}
	log := a.log.String()
	require.Contains(t, log, "goroutine ", "it told its stacks")
	require.Contains(t, log, "500", "the Hub was seen to fail")
	a.escaped(t, "log", []byte(log))
	assert.NotContains(t, log, "\x1b[31mteam", "a team's name is no command to a terminal")
	a.escaped(t, "Sentry", []byte(a.reported.String()))
	a.files(t)
}

// judged reports whether the Hub holds what was measured of all teams.
func (a *aviary) judged(t *testing.T) bool {
	t.Helper()
	history, err := a.hub.History(t.Context())
	require.NoError(t, err)
	told := map[string]bool{}
	for _, one := range history {
		told[string(one.Team)+string(one.Criterion)] = true
	}
	for _, c := range []contest.Criterion{contest.CodeRepo, contest.DeployedSolution, contest.BudgetTracking, contest.TicketBooking, contest.EventSearch} {
		for _, team := range []string{"guarded", "gone"} {
			if c != contest.CodeRepo && c != contest.TicketBooking && !told[team+string(c)] { // GitHub and unknown users give nothing to publish
				return false
			}
		}
	}
	return true
}

// TestABadStateKeepsItsPassword: what cannot be opened says why without it.
func TestABadStateKeepsItsPassword(t *testing.T) {
	t.Parallel()
	a := &aviary{birds: map[string]string{}}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() {
		for {
			conn, err := silent.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = silent.Close() })
	for name, address := range map[string]string{
		"refused": "postgres://u:" + a.planted("password one") + "@127.0.0.1:1/x", "no PostgreSQL": "postgres://u:" + a.planted("password two") + "@" + silent.Addr().String() + "/x",
		"no URL": "postgres://u:" + a.planted("password three") + "@bad host:x/y", "as words": "host=127.0.0.1 port=1 user=u password=" + a.planted("password four"),
	} {
		for _, command := range []string{"serve", "check"} {
			code, output := hackload(t, []string{"API_BASE_URL=http://127.0.0.1:1", "SERVICE_API_KEY=" + a.planted("key of "+name+command), "STATE_DATABASE_URL=" + address}, command)
			assert.NotEqual(t, exitDone, code, name)
			a.escaped(t, name+": "+command, []byte(output))
		}
	}
}
