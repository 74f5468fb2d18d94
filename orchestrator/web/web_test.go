package web_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves h on a real socket until the test ends and returns its URL.
func start(t *testing.T, h http.Handler) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- web.Serve(ctx, ln, h) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	return "http://" + ln.Addr().String()
}

// page is what came back for one request.
type page struct {
	code   int
	header http.Header
	body   string
}

func get(t *testing.T, url string) page {
	t.Helper()
	return do(t, http.MethodGet, url)
}

func do(t *testing.T, method, url string) page {
	t.Helper()
	return send(t, method, url, "", "")
}

// send asks with a body and, where it is not empty, a token. An answer of the
// API has to be one that its document describes.
func send(t *testing.T, method, url, token, body string) page {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Close = true // leave no idle connection behind
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	require.NoError(t, err)
	got := page{resp.StatusCode, resp.Header, string(answer)}
	require.NoError(t, agrees(method, req.URL.Path, got), "%s %s: %d %s", method, url, got.code, answer)
	return got
}

func TestEveryPage(t *testing.T) {
	t.Parallel()
	base := start(t, web.New(sample().config()))
	const run = "01j50000000000000000000000"
	tests := map[string]struct {
		path  string
		shows []string
	}{
		"results": {"/", []string{"Zero Downtime", "Slow &amp; Steady", "empty", "p95 212\u202fms", "<p>99.98\u202f%<td", "Under load now", "118.2 requests/s", "<td role=cell>4\n", "17 Aug 07:00:00 UTC"}},
		"team":    {"/teams/zero-downtime", []string{"Zero Downtime", "Event search", "1,497 of 1,500 requests were answered in under 2 s (99.8 %), needs at least 95 %.", "/runs/" + run, "https://grafana.example/d/team", "42\u202fcommits"}},
		"notes":   {"/teams/flaky", []string{"ENDPOINT_URL is hidden by the Hub", "Not measurable", "97 % of its CPU"}},
		"run": {"/runs/" + run, []string{
			"Passed", "p(95)&lt;2000", "212.4", "30 users per second", "5cr1p7", "c0nf16", "sum by (testid, scenario)", "1-of-1", "31\u202f%",
			"Heap of generator 2 is unknown", "/api/v1/runs/" + run + "/evidence", `<rect class="bar"`, "http_reqs", "12 of 121", "41\u202fMiB",
		}},
		"run by testid": {"/runs/zero-downtime-search-30-" + run, []string{"Event search, level 1"}},
		"run under way": {"/runs/01j5bbbbbbbbbbbbbbbbbbbbbb", []string{"This run is under load. It is judged", "Under way"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := get(t, base+tc.path)
			assert.Equal(t, http.StatusOK, got.code)
			assert.Equal(t, "text/html; charset=utf-8", got.header.Get("Content-Type"))
			for _, want := range tc.shows {
				assert.True(t, strings.Contains(got.body, want), "lacks %q", want)
			}
			assert.Contains(t, got.body, `<html lang="en">`)
			for never, why := range map[string]string{
				"<script>": "pages work without, and the policy allows ours alone",
				" style=":  "the policy forbids styles in attributes",
				"secret-":  "a team's URLs are its own affair",
				"ZgotmplZ": "the template refused a value",
			} {
				assert.False(t, strings.Contains(got.body, never), "shows %q: %s", never, why)
			}
		})
	}
}

func TestTeamPageDoesNotLinkToItself(t *testing.T) {
	t.Parallel()
	s := sample()
	s.verdicts[0].Metrics["confirmationUrl"] = "https://results.example/teams/zero-downtime"
	body := get(t, start(t, web.New(s.config()))+"/teams/zero-downtime").body
	assert.Equal(t, 0, strings.Count(body, ">Dashboard<"))
	s.verdicts[0].Metrics["confirmationUrl"] = "https://results.example/teams/slow"
	body = get(t, start(t, web.New(s.config()))+"/teams/zero-downtime").body
	assert.Equal(t, 1, strings.Count(body, ">Dashboard<"))
}

func TestAssetsAreOursAndKept(t *testing.T) {
	t.Parallel()
	base := start(t, web.New(sample().config()))
	body := get(t, base+"/").body
	for prefix, contentType := range map[string]string{"/style-": "text/css; charset=utf-8", "/favicon-": "image/svg+xml"} {
		_, rest, found := strings.Cut(body, `href="`+prefix)
		require.True(t, found, "no link to %s", prefix)
		path, _, _ := strings.Cut(rest, `"`)
		got := get(t, base+prefix+path)
		assert.Equal(t, http.StatusOK, got.code)
		assert.Equal(t, contentType, got.header.Get("Content-Type"))
		assert.Contains(t, got.header.Get("Cache-Control"), "immutable")
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	base := start(t, web.New(sample().config()))
	for _, path := range []string{"/", "/nowhere", "/api/v1/results", "/health", "/healthz"} {
		h := get(t, base+path).header
		policy := h.Get("Content-Security-Policy")
		assert.Contains(t, policy, "default-src 'none'", path)
		assert.NotContains(t, policy, "unsafe", path)
		assert.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
		assert.Equal(t, "DENY", h.Get("X-Frame-Options"), path)
	}
	assert.Equal(t, "5", get(t, base+"/?live").header.Get("Refresh"))
	assert.Empty(t, get(t, base+"/").header.Get("Refresh"))
	assert.Equal(t, http.StatusMethodNotAllowed, do(t, http.MethodPost, base+"/").code)
	assert.Equal(t, http.StatusMethodNotAllowed, do(t, http.MethodDelete, base+"/api/v1/results").code)
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	base := start(t, web.New(sample().config()))
	for _, path := range []string{
		"/nowhere", "/teams/nobody", "/teams/%3Cscript%3E", "/teams/..%2Fetc", "/runs/unknown", "/runs/a%20b",
		"/runs/" + strings.Repeat("x", 201), "/teams/" + strings.Repeat("y", 101),
	} {
		got := get(t, base+path)
		assert.Equal(t, http.StatusNotFound, got.code, path)
		assert.Contains(t, got.body, "There is no such page", path)
		assert.NotContains(t, got.body, "etc", path)
	}
	for _, path := range []string{
		"/api/v1/teams/nobody", "/api/v1/runs/unknown", "/api/v1/runs/%00", "/api/v2", "/health/nobody",
		"/api/v1/runs/01j5bbbbbbbbbbbbbbbbbbbbbb/evidence",
	} {
		got := get(t, base+path)
		assert.Equal(t, http.StatusNotFound, got.code, path)
		assert.JSONEq(t, `{"error":"Not Found","hint":"GET /api/v1/openapi.json tells what there is."}`, got.body, path)
	}
}

func TestBrokenStateIsLoggedAndNotShown(t *testing.T) {
	t.Parallel()
	s := sample()
	s.broken = errors.New("open /var/lib/state.db: disk on fire")
	var log bytes.Buffer
	c := s.config()
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	base := start(t, web.New(c))
	for _, path := range []string{"/", "/teams/slow", "/runs/x", "/api/v1/results", "/api/v1/runs/x/evidence", "/health", "/health/git-monitor"} {
		log.Reset()
		got := get(t, base+path)
		assert.Equal(t, http.StatusInternalServerError, got.code, path)
		assert.NotContains(t, got.body, "disk on fire", path)
		assert.Equal(t, 1, strings.Count(log.String(), "disk on fire"), path)
	}
}

func TestEmptyContest(t *testing.T) {
	t.Parallel()
	base := start(t, web.New((&state{}).config()))
	got := get(t, base+"/")
	assert.Equal(t, http.StatusOK, got.code)
	assert.Contains(t, got.body, "No team is known yet")
	results := get(t, base+"/api/v1/results").body
	assert.True(t, gjson.Get(results, "teams").IsArray())
	assert.Equal(t, gjson.Null, gjson.Get(results, "updatedAt").Type)
}

func TestHostileTeam(t *testing.T) {
	t.Parallel()
	names := map[string]struct{ name, want, never string }{
		"markup":        {`</td><script>alert(1)</script>`, "&lt;script&gt;alert(1)", "<script"},
		"attribute":     {`" onmouseover="alert(1)`, "onmouseover=", `" onmouseover="`},
		"right to left": {"abc\u202egnp.exe\u2066\u200f", "<bdi>abcgnp.exe</bdi>", "\u202e"},
		"hebrew":        {"צוות", "<bdi>צוות</bdi>", ""},
		"emoji":         {"👩\u200d💻 team", "👩\u200d💻 team", ""},
		"long":          {strings.Repeat("w", 3000), strings.Repeat("w", 47) + "…", strings.Repeat("w", 600)},
		"control":       {"a\x00b\x1b[31m\r\nc", "<bdi>a b [31m c</bdi>", "\x1b"},
		"broken UTF-8":  {"ok\xff\xfe", "ok\ufffd", "\xff"},
		"invisible":     {"\u200b\u200d\u2800", "<bdi>rogue</bdi>", "\u200b"},
		"zalgo":         {"z" + strings.Repeat("\u0321", 40), "z\u0321\u0321", strings.Repeat("\u0321", 4)},
	}
	for name, tc := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := start(t, web.New(rogue(tc.name).config()))
			for _, path := range []string{"/", "/teams/rogue", "/runs/r1"} {
				got := get(t, base+path)
				require.Equal(t, http.StatusOK, got.code, path)
				ours := regexp.MustCompile(`<script src="/live-[0-9a-f]+\.js" defer></script>`).FindString(got.body)
				assert.True(t, strings.Contains(got.body, tc.want), "%s lacks %q", path, tc.want)
				assert.False(t, tc.never != "" && strings.Contains(strings.ReplaceAll(got.body, ours, ""), tc.never), "%s shows %q", path, tc.never)
				assert.False(t, strings.Contains(got.body, "javascript:"), path)
			}
			assert.True(t, json.Valid([]byte(get(t, base+"/api/v1/teams/rogue").body)))
		})
	}
}

// rogue is a contest of one team that puts text everywhere it can.
func rogue(text string) *state {
	team := contest.Team{Slug: "rogue", Name: text, Endpoint: "javascript:alert(1)", Notes: []string{text}}
	r := run(team, contest.EventSearch, "search", "r1")
	e := evidenceOf(r, 100)
	e.Preflight.Error, e.Launch.Trouble, e.Gaps = text, text, []string{text}
	e.Counts[0].Label, e.Script.Name, e.Generators[0].Instance = text, text, text
	e.Script.Scenarios[0].Name, e.Course.Queries[0].Name = text, text
	e.Thresholds[0].Threshold.Tags = map[string]string{"scenario": text}
	f := []contest.Finding{{Rule: e.Thresholds[0].Threshold.String(), Outcome: contest.OutcomePassed, Sentence: text}, {Rule: "generator " + text, Outcome: contest.OutcomeWarning, Sentence: text},
		{Rule: text, Outcome: contest.OutcomeFailed, Op: "<", Unit: text, Sentence: text}}
	return &state{
		teams: []contest.Team{team, {Slug: "../../etc", Name: text}},
		verdicts: []contest.Verdict{{Team: team, Criterion: contest.EventSearch, Status: contest.Failed, Findings: f,
			Metrics: map[string]any{"confirmationUrl": "javascript:alert(1)", "p95": text, "successRate": nil}}},
		records: []web.RunRecord{{Run: r, Evidence: &e, Verdict: &contest.RunVerdict{Outcome: contest.OutcomeFailed, Findings: f}}},
		active:  []web.ActiveRun{{Run: r}},
	}
}

func TestEvidenceDownloadIsByteForByteForOrganisers(t *testing.T) {
	t.Parallel()
	s := sample()
	rec := &s.records[0]
	rec.Evidence.Endpoint = "https://secret-endpoint.example:8443"
	body, err := json.Marshal(rec.Evidence)
	require.NoError(t, err)
	stored := sha256.Sum256(body)
	rec.EvidenceJSON, rec.EvidenceSHA256 = body, hex.EncodeToString(stored[:])
	c := s.config()
	c.Operations = &web.Operations{Token: token}
	path := start(t, web.New(c)) + "/api/v1/runs/" + string(rec.Run.ID) + "/evidence"
	whole, public := send(t, http.MethodGet, path, token, ""), get(t, path)
	assert.Equal(t, string(body), whole.body)
	for _, got := range []page{whole, public} {
		sum := sha256.Sum256([]byte(got.body))
		assert.Equal(t, "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":", got.header.Get("Repr-Digest"))
		assert.Contains(t, got.header.Get("Content-Disposition"), "attachment")
	}
	assert.NotContains(t, public.body, "secret-endpoint", "a team's address is its own affair")
	var e contest.Evidence
	require.NoError(t, json.Unmarshal([]byte(public.body), &e))
	e.Endpoint = rec.Evidence.Endpoint
	assert.Equal(t, *rec.Evidence, e, "all else is there")
}

func TestServeFinishesRequestsUnderWay(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		assert.NoError(t, r.Context().Err(), "the end of the server is not the end of the request")
		_, _ = io.WriteString(w, "done")
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	served, answered := make(chan error, 1), make(chan page, 1)
	go func() { served <- web.Serve(ctx, ln, h) }()
	go func() { answered <- get(t, "http://"+ln.Addr().String()) }()
	<-entered
	cancel()
	close(release)
	assert.Equal(t, "done", (<-answered).body)
	require.NoError(t, <-served)
	_, err = net.DialTimeout("tcp", ln.Addr().String(), time.Second)
	assert.Error(t, err, "the port is free again")
}

func TestServeReportsABrokenListener(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	assert.ErrorContains(t, web.Serve(t.Context(), ln, http.NotFoundHandler()), "serve 127.0.0.1")
}
