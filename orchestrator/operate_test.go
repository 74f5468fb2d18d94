package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/schedule"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// operated serves a real schedule in a real state over a socket, as serve does.
func operated(t *testing.T) (*store.Store, *httptest.Server) {
	t.Helper()
	c, err := config.Dev()
	require.NoError(t, err)
	c.Web.AdminToken = config.NewSecret("let-me-in")
	s, err := store.Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	w := &works{site: site{config: c, log: slog.New(slog.DiscardHandler), services: []contest.ServiceKey{contest.GitMonitor}, cron: true}, store: s}
	w.teams = func(context.Context) ([]contest.Team, error) { return []contest.Team{{Slug: "good"}}, nil }
	w.queue, err = schedule.New(t.Context(), s.DB(), w.scheduleConfig())
	require.NoError(t, err)
	w.line = conduct.New(conduct.Parts{Store: s, Wake: w.queue}, conduct.Limits{})
	server := httptest.NewServer(web.New(web.Config{Board: board{w}, Archive: archive{s}, Pulse: pulse{w}, Operations: w.operations()}))
	t.Cleanup(server.Close)
	return s, server
}

// asOrganiser runs a command against the server with a token.
func asOrganiser(t *testing.T, server *httptest.Server, token string, args ...string) (int, string) {
	t.Helper()
	var out strings.Builder
	code := run(t.Context(), world{Args: append(args, "--server", server.URL), Stdout: &out, Stderr: &out, Getenv: func(name string) string {
		return map[string]string{"ADMIN_TOKEN": token, "USER": "Bolat"}[name]
	}})
	return code, out.String()
}

// TestChangesOverTheAPI changes a real schedule in a real state over a socket.
func TestChangesOverTheAPI(t *testing.T) {
	t.Parallel()
	s, server := operated(t)
	const by = `{"who":"Aigerim","why":"lunch"}`
	rows := []struct {
		name, method, path, token, body string
		code                            int
		want                            string // in the answer
	}{
		{"no token", "POST", "/api/v1/services/git-monitor/pause", "", by, 401, "token is missing"},
		{"wrong token", "POST", "/api/v1/stop", "let-me-out", by, 401, "token is missing"},
		{"no body", "POST", "/api/v1/stop", "let-me-in", "", 400, "body"},
		{"unknown field", "POST", "/api/v1/stop", "let-me-in", `{"who":"A","when":"now"}`, 400, "unknown field"},
		{"nobody", "POST", "/api/v1/stop", "let-me-in", `{"why":"lunch"}`, 400, "not said who"},
		{"two values", "POST", "/api/v1/stop", "let-me-in", by + by, 400, "more than one"},
		{"too much", "POST", "/api/v1/stop", "let-me-in", `{"who":"` + strings.Repeat("a", 20<<10) + `"}`, 400, "too large"},
		{"unknown service", "POST", "/api/v1/services/nosuch/pause", "let-me-in", by, 404, "no such service"},
		{"not enabled", "POST", "/api/v1/services/cost-tracking/pause", "let-me-in", by, 409, "not enabled"},
		{"never fires", "PUT", "/api/v1/services/git-monitor/interval", "let-me-in", `{"who":"A","interval":"0 0 30 2 *"}`, 400, "never fires"},
		{"no such run", "POST", "/api/v1/runs/nosuch/cancel", "let-me-in", by, 404, "not found"},
		{"pause", "POST", "/api/v1/services/git-monitor/pause", "let-me-in", by, 200, `"paused":true`},
		{"reschedule", "PUT", "/api/v1/services/git-monitor/interval", "let-me-in", `{"who":"Aigerim","why":"","interval":"7 * * * *"}`, 200, `"interval":"7 * * * *"`},
		{"stop", "POST", "/api/v1/stop", "let-me-in", by, 200, `"stopped":0`},
		{"read", "GET", "/api/v1/services", "", "", 200, `"interval":"7 * * * *"`},
	}
	for _, row := range rows {
		req, err := http.NewRequestWithContext(t.Context(), row.method, server.URL+row.path, strings.NewReader(row.body))
		require.NoError(t, err)
		if row.token != "" {
			req.Header.Set("Authorization", "Bearer "+row.token)
		}
		resp, err := server.Client().Do(req)
		require.NoError(t, err)
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, resp.Body.Close())
		require.NoError(t, err)
		require.Equal(t, row.code, resp.StatusCode, "%s: %s", row.name, answer)
		require.Contains(t, string(answer), row.want, row.name)
		if row.code != http.StatusOK {
			require.NotEmpty(t, gjson.GetBytes(answer, "hint").String(), row.name)
		}
		require.NotContains(t, string(answer), "let-me-in", row.name)
	}
	for _, row := range []struct {
		token, want string
		code        int
		args        []string
	}{
		{"", "git-monitor.*paused.*7 \\* \\* \\* \\*", exitDone, []string{"jobs", "list"}},
		{"", "there is no token", exitUsage, []string{"jobs", "resume", "git-monitor"}},
		{"wrong", "refused .401.", exitUsage, []string{"stop", "--all", "--why", "lunch"}},
		{"let-me-in", "git-monitor +waits", exitDone, []string{"jobs", "resume", "git-monitor"}},
		{"let-me-in", "not found", exitUsage, []string{"runs", "cancel", "nosuch", "--why", "lunch"}},
		{"let-me-in", "required flag", exitUsage, []string{"stop"}},
	} {
		code, out := asOrganiser(t, server, row.token, row.args...)
		require.Equal(t, row.code, code, out)
		require.Regexp(t, row.want, out)
	}
	trail, err := s.AuditTrail(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, trail, 3, "what was refused is not in it")
	require.Equal(t, "pause service", trail[2].What)
}

// TestCommandsOfTheServer has the real server answer what the commands ask.
func TestCommandsOfTheServer(t *testing.T) {
	t.Parallel()
	_, server := operated(t)
	for _, row := range []struct {
		token, want string
		code        int
		args        []string
	}{
		{"", "There are no such runs", exitDone, []string{"runs", "list", "--team", "good", "--state", "judged"}},
		{"", "no such state", exitUsage, []string{"runs", "list", "--state", "nosuch"}},
		{"let-me-in", "There are no dead letters", exitDone, []string{"jobs", "dead-letters", "--service", "git-monitor"}},
		{"let-me-in", "no such dead letter", exitUsage, []string{"jobs", "show", "17"}},
		{"let-me-in", "No update waits", exitDone, []string{"outbox", "list"}},
		{"let-me-in", "no update of this team", exitUsage, []string{"outbox", "show", "good", "EVENT_SEARCH"}},
		{"let-me-in", "Every verdict is as it was measured", exitDone, []string{"override", "list"}},
		{"let-me-in", "good +.* Bolat +lunch +organiser", exitDone, []string{"team", "exclude", "good", "--why", "lunch"}},
		{"let-me-in", "good +.* Bolat +lunch +organiser", exitDone, []string{"team", "exclusions"}},
		{"let-me-in", "Every team takes part", exitDone, []string{"team", "include", "good", "--why", "back"}},
		{"wrong", "refused .401.", exitUsage, []string{"audit"}},
		{"let-me-in", "Bolat +include.* good +back", exitDone, []string{"audit", "--limit", "1"}},
		{"let-me-in", "limit is no number", exitUsage, []string{"audit", "--limit", "0"}},
		{"", "rank,tied,slug,name,total", exitDone, []string{"export", "--csv", "-"}},
	} {
		code, out := asOrganiser(t, server, row.token, row.args...)
		require.Equal(t, row.code, code, out)
		require.Regexp(t, row.want, out)
	}
}
