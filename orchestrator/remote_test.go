package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const organiser = "let-me-in"

// seen is a request as the server got it.
type seen struct {
	request, body, token string
}

// agreed answers as the API is documented to, and keeps what it was asked.
type agreed struct {
	answers map[string]string // by method and path
	last    seen
}

func (a *agreed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.last = seen{r.Method + " " + r.URL.RequestURI(), string(body), r.Header.Get("Authorization")}
	answer, ok := a.answers[r.Method+" "+r.URL.Path]
	switch code, text, special := strings.Cut(answer, " "); {
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	case special && code == "503":
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, text)
	case special && code == "302":
		w.Header().Set("Location", text)
		w.WriteHeader(http.StatusFound)
	default:
		_, _ = io.WriteString(w, answer)
	}
}

// told runs a command with an environment, and returns its exit code and what
// it wrote to standard output and to standard error.
func told(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	code = run(t.Context(), world{Args: args, Stdout: &out, Stderr: &err, Getenv: func(name string) string { return env[name] }})
	return code, out.String(), err.String()
}

// TestCommandsAskTheAPI holds each command against the agreed request, and its
// table against the agreed answer.
func TestCommandsAskTheAPI(t *testing.T) {
	t.Parallel()
	const (
		letters    = `[{"id":17,"serviceName":"git-monitor-service","teamId":"good","error":"the Hub\u001b[2J is\naway","timestamp":"2026-05-12T09:00:00Z","retryCount":5,"nextRetryAt":null,"kind":"look","run":"","round":"R1"}]`
		letter     = `{"id":17,"serviceName":"git-monitor-service","teamId":"","error":"last","timestamp":"2026-05-12T09:00:00Z","retryCount":1,"kind":"look","round":"R1","history":[{"at":"2026-05-12T08:00:00Z","try":1,"error":"first"},{"at":"2026-05-12T09:00:00Z","try":2,"error":"last"}]}`
		outbox     = `[{"team":"good","criterion":"EVENT_SEARCH","state":"pending","attempts":3,"dueAt":"2026-05-12T09:05:00Z","createdAt":"2026-05-12T09:00:00Z","error":"503 from the Hub","status":"PASSED","score":3}]`
		outboxOne  = `{"team":"good","criterion":"EVENT_SEARCH","state":"parked","attempts":1,"dueAt":"2026-05-12T09:05:00Z","createdAt":"2026-05-12T09:00:00Z","error":"no such team","status":"PASSED","score":3,"metrics":{"p95":12.5}}`
		exclusions = `[{"team":"good","who":"Aigerim","why":"it withdrew","at":"2026-05-12T09:00:00Z","source":"organiser"},{"team":"old","who":"","why":"","at":null,"source":"contest.yaml"}]`
		overrides  = `[{"team":"good","criterion":"EVENT_SEARCH","status":"PASSED","score":3,"who":"Aigerim","why":"appeal","at":"2026-05-12T09:00:00Z"}]`
		runs       = `{"schemaVersion":1,"runs":[{"id":"01R","team":"good","criterion":"EVENT_SEARCH","levelNo":1,"level":{"users":25000,"duration":"1m0s"},"state":"judged","outcome":"passed","plannedAt":"2026-05-12T09:00:00Z","launchedAt":null}]}`
	)
	at := moment(new(time.Date(2026, 5, 12, 9, 0, 0, 0, time.UTC)))
	server := &agreed{answers: map[string]string{
		"GET /api/v1/services":                                         `[{"service":"git-monitor","enabled":true,"interval":"5 * * * *","nextRun":"2026-05-12T09:00:00Z"}]`,
		"POST /api/v1/services/git-monitor/pause":                      `[{"service":"git-monitor","enabled":true,"paused":true,"running":true}]`,
		"PUT /api/v1/services/git-monitor/interval":                    `[{"service":"git-monitor","enabled":false,"interval":"7 * * * *"}]`,
		"GET /api/v1/runs":                                             runs,
		"POST /api/v1/runs/01R/cancel":                                 `{"id":"01R","state":"cancelled"}`,
		"POST /api/v1/stop":                                            `{"stopped":4}`,
		"GET /api/v1/dead-letters":                                     letters,
		"GET /api/v1/dead-letters/17":                                  letter,
		"POST /api/v1/dead-letters/17/retry":                           `[]`,
		"POST /api/v1/dead-letters/17/drop":                            letters,
		"GET /api/v1/outbox":                                           outbox,
		"GET /api/v1/outbox/good/EVENT_SEARCH":                         outboxOne,
		"POST /api/v1/outbox/good/EVENT_SEARCH/retry":                  outbox,
		"POST /api/v1/outbox/good/EVENT_SEARCH/drop":                   `[]`,
		"GET /api/v1/exclusions":                                       exclusions,
		"PUT /api/v1/teams/good/exclusion":                             exclusions,
		"POST /api/v1/teams/good/exclusion/lift":                       `[]`,
		"GET /api/v1/overrides":                                        overrides,
		"PUT /api/v1/teams/good/verdicts/EVENT_SEARCH/override":        overrides,
		"POST /api/v1/teams/good/verdicts/EVENT_SEARCH/override/lift":  `[]`,
		"POST /api/v1/teams/a b?c/verdicts/EVENT_SEARCH/override/lift": `[]`,
		"GET /api/v1/audit":                                            `[{"seq":2,"at":"2026-05-12T09:00:00Z","who":"Aigerim","what":"override","subject":"good EVENT_SEARCH","why":"appeal"}]`,
		"GET /api/v1/results.csv":                                      "rank,tied,slug,name,total\n1,false,good,Good,3\n",
	}}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	env := map[string]string{"ADMIN_TOKEN": organiser, "USER": "Bolat"}

	const who = `"who":"Bolat"`
	rows := []struct {
		args    string // ␣ stands for a space inside one
		request string
		body    string // part of what was sent; empty: a read
		want    string // regexp of the output
		free    bool   // asked without the token
	}{
		{"jobs list", "GET /api/v1/services", "", `git-monitor +waits +5 \* \* \* \* +` + at + ` +- +0`, true},
		{"jobs pause git-monitor", "POST /api/v1/services/git-monitor/pause", who, `git-monitor +paused, running`, false},
		{"jobs reschedule git-monitor 7␣*␣*␣*␣*", "PUT /api/v1/services/git-monitor/interval", `"interval":"7 * * * *"`, `git-monitor +off +7 \* \*`, false},
		{"runs list --team good --state judged --limit 5", "GET /api/v1/runs?limit=5&state=judged&team=good", "", `01R +good +EVENT_SEARCH +2: 25000 users +judged +passed +` + at + ` +-`, true},
		{"runs cancel 01R --why lunch", "POST /api/v1/runs/01R/cancel", `"why":"lunch"`, `Run 01R is cancelled`, false},
		{"stop --all --why lunch", "POST /api/v1/stop", `"why":"lunch"`, `Stopped +4`, false},
		{"jobs dead-letters --service git-monitor", "GET /api/v1/dead-letters?service=git-monitor", "", `17 +git-monitor-service +good +look +` + at + ` +5 +the Hub \[2J is away`, false},
		{"jobs show 17", "GET /api/v1/dead-letters/17", "", `Try 1 +.*: first\nTry 2 +` + at + `: last`, false},
		{"jobs retry 17", "POST /api/v1/dead-letters/17/retry", who, `no dead letters`, false},
		{"jobs drop 17 --why gone", "POST /api/v1/dead-letters/17/drop", `"why":"gone"`, `17 +git`, false},
		{"outbox list", "GET /api/v1/outbox", "", `good +EVENT_SEARCH +pending +PASSED 3 +` + at + ` +3 +.*05:00 .* 503 from the Hub`, false},
		{"outbox list --state parked,sent", "GET /api/v1/outbox?state=parked%2Csent", "", `EVENT_SEARCH`, false},
		{"outbox show good k6-search-testing", "GET /api/v1/outbox/good/EVENT_SEARCH", "", `Next try +-\nError +no such team\nMetrics +\{"p95":12.5\}`, false},
		{"outbox retry good EVENT_SEARCH", "POST /api/v1/outbox/good/EVENT_SEARCH/retry", who, `pending`, false},
		{"outbox drop good EVENT_SEARCH --why gone", "POST /api/v1/outbox/good/EVENT_SEARCH/drop", `"why":"gone"`, `No update waits`, false},
		{"team exclusions", "GET /api/v1/exclusions", "", `good +` + at + ` +Aigerim +it withdrew +organiser\nold +- +- +- +contest.yaml`, false},
		{"team exclude good --why gone", "PUT /api/v1/teams/good/exclusion", `"why":"gone"`, `good`, false},
		{"team include good --why back", "POST /api/v1/teams/good/exclusion/lift", `"why":"back"`, `Every team takes part`, false},
		{"override list", "GET /api/v1/overrides", "", `good +EVENT_SEARCH +PASSED +3 +` + at + ` +Aigerim +appeal`, false},
		{"override set good EVENT_SEARCH PASSED 3 --why appeal", "PUT /api/v1/teams/good/verdicts/EVENT_SEARCH/override", `"score":3,"status":"PASSED"`, `PASSED`, false},
		{"override lift good EVENT_SEARCH --why oops", "POST /api/v1/teams/good/verdicts/EVENT_SEARCH/override/lift", `"why":"oops"`, `as it was measured`, false},
		{"override lift a␣b?c EVENT_SEARCH --why oops", "POST /api/v1/teams/a%20b%3Fc/verdicts/EVENT_SEARCH/override/lift", `"why":"oops"`, `as it was measured`, false},
		{"audit --limit 3", "GET /api/v1/audit?limit=3", "", `2 +` + at + ` +Aigerim +override +good EVENT_SEARCH +appeal`, false},
		{"export --csv -", "GET /api/v1/results.csv", "", `^rank,tied,slug,name,total\n1,false,good,Good,3\n$`, true},
	}
	for _, row := range rows {
		args := strings.Fields(row.args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "␣", " ")
		}
		code, out, errs := told(t, env, append(args, "--server", web.URL)...)
		require.Equal(t, exitDone, code, "%s: %s", row.args, errs)
		require.Equal(t, row.request, server.last.request, row.args)
		require.Contains(t, server.last.body, row.body, row.args)
		require.Equal(t, row.body == "", server.last.body == "", row.args)
		require.Regexp(t, row.want, out, row.args)
		require.NotContains(t, out, "\x1b", row.args)
		require.Equal(t, row.free, server.last.token == "", "%s: free reads need no token, others do", row.args)
		if !strings.HasPrefix(row.args, "export") {
			_, raw, _ := told(t, env, append(args, "--server", web.URL, "--json")...)
			require.True(t, json.Valid([]byte(raw)), "%s --json: %s", row.args, raw)
		}
	}
	file := filepath.Join(t.TempDir(), "results.csv")
	code, _, errs := told(t, nil, "export", "--csv", file, "--server", web.URL)
	require.Equal(t, exitDone, code, errs)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, server.answers["GET /api/v1/results.csv"], string(text))
}

// TestCommandsRefuse names everything that is wrong with a command before or
// after asking, with what to do about it.
func TestCommandsRefuse(t *testing.T) {
	t.Parallel()
	server := &agreed{answers: map[string]string{
		"GET /api/v1/services":    `<!doctype html>`,
		"GET /api/v1/runs":        `{"teams":[]}`,
		"GET /api/v1/results.csv": `{"error":"elsewhere"}`,
		"GET /api/v1/outbox":      `302 http://198.51.100.7/login`,
		"GET /api/v1/audit":       `503 {"error":"the state \u001b[31mis away","hint":"Look at its log."}`,
	}}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	nobody := httptest.NewServer(nil)
	nobody.Close()
	const remote = "http://198.51.100.7:8080" // TEST-NET: nobody may be asked there
	for _, row := range []struct {
		name, args, server, token string
		code                      int
		want                      string
	}{
		{"no reason to cancel", "runs cancel 01R", web.URL, "x", exitUsage, "not said why\nGive --why"},
		{"no reason to stop", "stop --all", web.URL, "x", exitUsage, "not said why"},
		{"no reason to drop a letter", "jobs drop 17", web.URL, "x", exitUsage, "not said why"},
		{"no reason to drop an update", "outbox drop good EVENT_SEARCH", web.URL, "x", exitUsage, "not said why"},
		{"no reason to exclude", "team exclude good", web.URL, "x", exitUsage, "not said why"},
		{"no reason to override", "override set good EVENT_SEARCH PASSED 3", web.URL, "x", exitUsage, "not said why"},
		{"a blank reason", "override lift good EVENT_SEARCH --why=\u00a0", web.URL, "x", exitUsage, "not said why"},
		{"nobody", "jobs pause git-monitor --who=", web.URL, "x", exitUsage, "not said who.*\nGive --who"},
		{"no token to read with", "audit", web.URL, "", exitUsage, "there is no token\nSet ADMIN_TOKEN"},
		{"no such token file", "audit --token-file nosuch", web.URL, "", exitUsage, "nosuch: no such file"},
		{"token in the open", "audit", remote, "x", exitUsage, "unencrypted to 198.51.100.7:8080\nUse https"},
		{"change in the open", "stop --all --why lunch", "http://localhost.example.org", "x", exitUsage, "unencrypted to localhost.example.org"},
		{"no URL", "jobs list", "localhost:8080", "", exitUsage, "no URL of a server"},
		{"broken URL", "jobs list", "http://[::1", "", exitUsage, "--server.*\nGive a URL"},
		{"not running", "jobs list", nobody.URL, "", exitTrouble, "ask the running process.*\nIs 'hackload serve' running"},
		{"not running, for organisers", "outbox list", nobody.URL, "x", exitTrouble, "Is 'hackload serve' running"},
		{"its own trouble", "audit", web.URL, "x", exitTrouble, `refused \(503\): the state \[31mis away\nLook at its log`},
		{"not found", "team exclusions", web.URL, "x", exitUsage, `refused \(404\): Not Found`},
		{"another program", "jobs list", web.URL, "", exitTrouble, "not what hackload answers"},
		{"another answer", "runs list", web.URL, "", exitTrouble, "not what hackload answers"},
		{"another table", "export --csv -", web.URL, "", exitTrouble, "no table of results"},
		{"a redirect", "outbox list", web.URL, "x", exitUsage, "sends elsewhere: to http://198.51.100.7/login"},
		{"no such criterion", "outbox show good NOPE", web.URL, "x", exitUsage, `unknown service "NOPE"`},
		{"no such status", "override set good EVENT_SEARCH passed 3 --why a", web.URL, "x", exitUsage, `"passed" is no status\nChoose PASSED`},
		{"no score", "override set good EVENT_SEARCH PASSED 3.5 --why a", web.URL, "x", exitUsage, `"3.5" is no score`},
		{"negative score", "override set --why a -- good EVENT_SEARCH PASSED -3", web.URL, "x", exitUsage, `"-3" is no score`},
		{"no id", "jobs show seventeen", web.URL, "x", exitUsage, `"seventeen" is no dead letter`},
		{"no such command", "outbox lst", web.URL, "x", exitUsage, `unknown command "lst" for "hackload outbox"`},
		{"an argument less", "override set good", web.URL, "x", exitUsage, `accepts 4 arg`},
		{"no file", "export", web.URL, "", exitUsage, `required flag\(s\) "csv"`},
		{"a directory", "export --csv " + t.TempDir(), web.URL, "", exitTrouble, `no table`},
	} {
		t.Run(row.name, func(t *testing.T) {
			args := strings.Split(row.args, " ")
			args = append(args[:1:1], append([]string{"--server", row.server}, args[1:]...)...)
			code, out, errs := told(t, map[string]string{"ADMIN_TOKEN": row.token, "USER": "Bolat"}, args...)
			require.Equal(t, row.code, code, errs)
			require.Regexp(t, row.want, errs)
			require.NotContains(t, errs, "\x1b")
			require.Empty(t, out)
		})
	}
	code, _, errs := told(t, map[string]string{"ADMIN_TOKEN": organiser}, "audit", "--server", web.URL)
	require.Equal(t, exitTrouble, code)
	require.NotContains(t, errs, organiser)
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		in, want string
		most     int
	}{
		"escapes and breaks": {"a\x1b[2J\r\n\tb\x00", "a [2J b", 60},
		"turned direction":   {"a\u202eb", "ab", 60},
		"no UTF-8":           {"a\xffb", "a\ufffdb", 60},
		"long":               {"абвгде", "абв…", 4},
		"just fits":          {"абвг", "абвг", 4},
		"nothing":            {" \n", "", 4},
	} {
		require.Equal(t, row.want, oneLine(row.in, row.most), name)
	}
}

// TestTokenTravelsSafely looks at where the token is sent to, and in what.
func TestTokenTravelsSafely(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		server         string
		insecure, sent bool
	}{
		{"http://127.0.0.1:8080", false, true},
		{"http://[::1]:8080", false, true},
		{"http://localhost:8080/", false, true},
		{"https://hackload.example.org", false, true},
		{"http://hackload.example.org", false, false},
		{"http://10.0.0.7:8080", false, false},
		{"http://127.0.0.1.example.org", false, false},
		{"http://10.0.0.7:8080", true, true},
	} {
		r := &remote{world: world{Getenv: func(string) string { return organiser }}, server: row.server, insecureToken: row.insecure}
		req, err := r.request(t.Context(), query{method: http.MethodGet, path: "/api/v1/audit", token: true})
		if !row.sent {
			require.ErrorContains(t, err, "unencrypted", row.server)
			require.NotContains(t, err.Error(), organiser)
			continue
		}
		require.NoError(t, err, row.server)
		require.Equal(t, "Bearer "+organiser, req.Header.Get("Authorization"), row.server)
		req, err = r.request(t.Context(), query{method: http.MethodGet, path: "/api/v1/runs"})
		require.NoError(t, err, row.server)
		require.Empty(t, req.Header.Get("Authorization"), "free reads need none")
	}
}
