package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// hand stands for the state and the queue: it answers what it was given and
// notes what it is asked to change.
type hand struct {
	*state
	token   string
	letters []web.DeadLetter
	updates []contest.OutboxRow
	refuses error
	changed []string
}

func (h *hand) change(ctx context.Context, what string, by web.By) error {
	if err := h.fault(ctx); err != nil {
		return err
	}
	if h.refuses == nil {
		h.changed = append(h.changed, fmt.Sprintf("%s by %s: %s", what, by.Who, by.Why))
	}
	return h.refuses
}

func (h *hand) Services(ctx context.Context) ([]web.ServiceStatus, error) {
	at := noon()
	return []web.ServiceStatus{
		{Service: contest.GitMonitor, Criterion: contest.CodeRepo, Enabled: true, Interval: "*/30 * * * *", NextRun: &at, LastRun: &at},
		{Service: contest.CostTracking, Criterion: contest.BudgetTracking, Enabled: true, Paused: true, Skipped: 3},
	}, h.fault(ctx)
}

func (h *hand) Change(ctx context.Context, s contest.ServiceKey, change string, by web.By) error {
	return h.change(ctx, change+" "+string(s), by)
}

func (h *hand) Reschedule(ctx context.Context, s contest.ServiceKey, interval string, by web.By) error {
	return h.change(ctx, "reschedule "+string(s)+" "+interval, by)
}

func (h *hand) Cancel(ctx context.Context, id string, by web.By) (contest.Run, error) {
	r, err := h.Run(ctx, id)
	if err != nil {
		return contest.Run{}, err
	}
	return r.Run, h.change(ctx, "cancel "+id, by)
}

func (h *hand) Rerun(ctx context.Context, at web.Place, by web.By) (contest.RoundID, error) {
	return "01j5r", h.change(ctx, fmt.Sprintf("rerun %s %s", at.Team, at.Criterion), by)
}

func (h *hand) StopAll(ctx context.Context, by web.By) (int, error) {
	return 3, h.change(ctx, "stop", by)
}

func (h *hand) DeadLetters(ctx context.Context) ([]web.DeadLetter, error) {
	return h.letters, h.fault(ctx)
}

func (h *hand) DeadLetter(ctx context.Context, id int64) (web.DeadLetter, error) {
	for _, d := range h.letters {
		if d.ID == id {
			return d, h.fault(ctx)
		}
	}
	return web.DeadLetter{}, &web.Refusal{Code: http.StatusNotFound, Text: "no such dead letter", Hint: "List them."}
}

func (h *hand) ChangeLetter(ctx context.Context, id int64, change string, by web.By) error {
	return h.change(ctx, fmt.Sprintf("%s letter %d", change, id), by)
}

func (h *hand) Updates(ctx context.Context, states []contest.OutboxState) ([]contest.OutboxRow, error) {
	var some []contest.OutboxRow
	for _, row := range h.updates {
		for _, s := range states {
			if row.State == s {
				some = append(some, row)
			}
		}
	}
	return some, h.fault(ctx)
}

func (h *hand) ChangeUpdate(ctx context.Context, at web.Place, change string, by web.By) error {
	return h.change(ctx, fmt.Sprintf("%s update %s %s", change, at.Team, at.Criterion), by)
}

func (h *hand) Exclusions(ctx context.Context) ([]web.Exclusion, error) {
	at := noon()
	return []web.Exclusion{
		{Team: "test-team", Source: web.ByContest}, {Team: "slow", Who: "Aigerim", Why: "asked", At: &at, Source: web.ByOrganiser},
	}, h.fault(ctx)
}

func (h *hand) Exclude(ctx context.Context, team contest.Slug, by web.By) error {
	return h.change(ctx, "exclude "+string(team), by)
}

func (h *hand) Include(ctx context.Context, team contest.Slug, by web.By) error {
	return h.change(ctx, "include "+string(team), by)
}

func (h *hand) Overrides(ctx context.Context) ([]web.Override, error) {
	return []web.Override{{Team: "slow", Criterion: contest.CodeRepo, Status: contest.Passed, Score: 1, By: web.By{Who: "Aigerim", Why: "seen"}, At: noon()}}, h.fault(ctx)
}

func (h *hand) Override(ctx context.Context, o web.Override) error {
	return h.change(ctx, fmt.Sprintf("override %s %s %s %d", o.Team, o.Criterion, o.Status, o.Score), o.By)
}

func (h *hand) Lift(ctx context.Context, at web.Place, by web.By) error {
	return h.change(ctx, fmt.Sprintf("lift %s %s", at.Team, at.Criterion), by)
}

func (h *hand) AuditTrail(ctx context.Context, limit int) ([]web.AuditEntry, error) {
	all := []web.AuditEntry{{Seq: 2, At: noon(), Who: "Bolat", What: "cancel run", Subject: "slow", Why: "stuck"}, {Seq: 1, At: noon(), Who: "Bolat", What: "pause service"}}
	return all[:min(limit, len(all))], h.fault(ctx)
}

func (h *hand) Suspicions(ctx context.Context) ([]contest.Suspicion, error) {
	at := noon()
	return []contest.Suspicion{
		{Team: h.teams[0].Slug, Criterion: contest.EventSearch, Kind: contest.SuspicionByClient, Run: h.records[0].Run.ID, Sentence: "suspicious: <b>one</b>\x1b[31m", At: at, Since: at, Times: 2},
		{Team: h.teams[0].Slug, Kind: contest.SuspicionShared, Other: h.teams[1].Slug, Sentence: "suspicious: two", At: at, Since: at, Times: 1},
	}, h.fault(ctx)
}

func (h *hand) config() web.Config {
	c := h.state.config()
	c.Operations = &web.Operations{Token: h.token, Schedule: h, Control: h, Letters: h, Outbox: h, Exclusions: h, Overrides: h, Trail: h, Suspicions: h}
	return c
}

// operated is the sample contest with something of everything to operate.
func operated() *hand {
	h := &hand{state: sample(), token: token}
	tries := []web.LetterFail{{At: noon(), Try: 1, Error: "the Hub gives no teams"}, {At: noon(), Try: 2, Error: "still none\x1b[31m"}}
	h.letters = []web.DeadLetter{
		{ID: 9, Kind: "advance", Service: contest.SearchTesting, Team: "slow", Run: "01j5", Round: "01j4", Died: noon(), Retries: 1, History: tries},
		{ID: 7, Kind: "round", Service: contest.GitMonitor, Died: noon(), Retries: 1, History: tries},
		{ID: 5, Kind: "collect", Round: "gone", Died: noon()},
	}
	for i, state := range []contest.OutboxState{contest.OutboxPending, contest.OutboxSent, contest.OutboxParked} {
		h.updates = append(h.updates, contest.OutboxRow{State: state, Attempts: i, CreatedAt: noon(), DueAt: noon().Add(time.Minute), Update: contest.Update{
			TeamSlug: h.teams[i].Slug, CriteriaType: contest.EventSearch, Status: contest.Passed, Score: 3, Metrics: map[string]any{"p95": 212.4},
		}})
	}
	h.updates[2].Error = "400: metrics are too long"
	return h
}

const by = `{"who":"Aigerim","why":"lunch"}`

func TestRefusedChangesChangeNothing(t *testing.T) {
	t.Parallel()
	rows := map[string]struct {
		method, path, token, body string
		code                      int
		want                      string // in the refusal
	}{
		"no token":               {"POST", "/stop", "", by, 401, "missing or wrong"},
		"wrong token":            {"POST", "/stop", token + "x", by, 401, "missing or wrong"},
		"read without a token":   {"GET", "/audit", "", "", 401, "missing or wrong"},
		"no body":                {"POST", "/stop", token, "", 400, "EOF"},
		"not JSON":               {"POST", "/stop", token, "who=Aigerim", 400, "invalid character"},
		"unknown field":          {"POST", "/stop", token, `{"who":"A","why":"b","when":"now"}`, 400, "unknown field"},
		"field of another":       {"PUT", "/teams/slow/exclusion", token, `{"who":"A","why":"b","score":1}`, 400, "unknown field"},
		"two values":             {"POST", "/stop", token, by + by, 400, "more than one"},
		"too large":              {"POST", "/stop", token, `{"who":"` + strings.Repeat("a", 20<<10) + `"}`, 400, "too large"},
		"nobody":                 {"POST", "/stop", token, `{"why":"lunch"}`, 400, "who"},
		"nobody that is seen":    {"POST", "/stop", token, "{\"who\":\"\u200b\",\"why\":\"lunch\"}", 400, "who"},
		"stop for no reason":     {"POST", "/stop", token, `{"who":"A","why":" "}`, 400, "why"},
		"unknown service":        {"POST", "/services/nosuch/pause", token, by, 404, "no such service"},
		"run that cannot be one": {"POST", "/runs/a%20b/cancel", token, by, 404, "no such run"},
		"letter of another form": {"POST", "/dead-letters/seven/drop", token, by, 404, "no such dead letter"},
		"letter below the first": {"GET", "/dead-letters/0", token, "", 404, "no such dead letter"},
		"letter that is gone":    {"GET", "/dead-letters/8", token, "", 404, "no such dead letter"},
		"letters of nobody":      {"GET", "/dead-letters?service=nosuch", token, "", 400, "no such service"},
		"update of no criterion": {"POST", "/outbox/slow/NOSUCH/retry", token, by, 404, "no such criterion"},
		"update of the judges":   {"POST", "/outbox/slow/JUDGE_SCORE/retry", token, by, 404, "no such criterion"},
		"update of no slug":      {"POST", "/outbox/a.b/EVENT_SEARCH/retry", token, by, 404, "no such team"},
		"update that is gone":    {"GET", "/outbox/empty/EVENT_SEARCH", token, "", 404, "no update of this team"},
		"unknown state of those": {"GET", "/outbox?state=pending,lost", token, "", 400, "no such state"},
		"rerun for no reason":    {"POST", "/teams/slow/verdicts/EVENT_SEARCH/rerun", token, `{"who":"A"}`, 400, "why"},
		"rerun of no criterion":  {"POST", "/teams/slow/verdicts/NOSUCH/rerun", token, by, 404, "no such criterion"},
		"rerun of the judges":    {"POST", "/teams/slow/verdicts/JUDGE_SCORE/rerun", token, by, 404, "no such criterion"},
		"rerun of no slug":       {"POST", "/teams/a.b/verdicts/EVENT_SEARCH/rerun", token, by, 404, "no such team"},
		"exclude no slug":        {"PUT", "/teams/a%20b/exclusion", token, by, 404, "no such team"},
		"override without score": {"PUT", "/teams/slow/verdicts/CODE_REPO/override", token, `{"who":"A","why":"b","status":"PASSED"}`, 400, "score is missing"},
		"override below nothing": {"PUT", "/teams/slow/verdicts/CODE_REPO/override", token, `{"who":"A","why":"b","status":"PASSED","score":-1}`, 400, "score is missing"},
		"override by a fraction": {"PUT", "/teams/slow/verdicts/CODE_REPO/override", token, `{"who":"A","why":"b","status":"PASSED","score":1.5}`, 400, "score"},
		"override too high":      {"PUT", "/teams/slow/verdicts/CODE_REPO/override", token, `{"who":"A","why":"b","status":"PASSED","score":2147483648}`, 400, "score"},
		"override of no status":  {"PUT", "/teams/slow/verdicts/CODE_REPO/override", token, `{"who":"A","why":"b","status":"passed","score":1}`, 400, "status"},
		"audit of no limit":      {"GET", "/audit?limit=5001", token, "", 400, "limit"},
		"runs of no limit":       {"GET", "/runs?limit=0", "", "", 400, "limit"},
		"runs by words":          {"GET", "/runs?limit=ten", "", "", 400, "limit"},
		"runs of no team":        {"GET", "/runs?team=a%20b", "", "", 400, "team"},
		"runs of no criterion":   {"GET", "/runs?criterion=JUDGE_SCORE", "", "", 400, "no such criterion"},
		"runs in no state":       {"GET", "/runs?state=lost", "", "", 400, "no such state"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := operated()
			got := send(t, row.method, start(t, web.New(h.config()))+"/api/v1"+row.path, row.token, row.body)
			assert.Equal(t, row.code, got.code, got.body)
			assert.Contains(t, gjson.Get(got.body, "error").String(), row.want)
			assert.NotEmpty(t, gjson.Get(got.body, "hint").String())
			assert.NotContains(t, got.body, token)
			assert.Empty(t, h.changed)
		})
	}
}

func TestChangesReachWhoMakesThem(t *testing.T) {
	t.Parallel()
	rows := []struct{ method, path, body, want string }{
		{"POST", "/services/CODE_REPO/run", by, "run git-monitor by Aigerim: lunch"},
		{"POST", "/services/git-monitor-service/pause", `{"who":" Aigerim "}`, "pause git-monitor by Aigerim: "},
		{"PUT", "/services/git-monitor/interval", `{"who":"A","why":"b","interval":"7 * * * *"}`, "reschedule git-monitor 7 * * * * by A: b"},
		{"POST", "/runs/01j50000000000000000000000/cancel", by, "cancel 01j50000000000000000000000 by Aigerim: lunch"},
		{"POST", "/stop", by, "stop by Aigerim: lunch"},
		{"POST", "/dead-letters/7/retry", by, "retry letter 7 by Aigerim: lunch"},
		{"POST", "/dead-letters/7/drop", by, "drop letter 7 by Aigerim: lunch"},
		{"POST", "/outbox/slow/k6-search-testing/retry", by, "retry update slow EVENT_SEARCH by Aigerim: lunch"},
		{"POST", "/outbox/slow/EVENT_SEARCH/drop", by, "drop update slow EVENT_SEARCH by Aigerim: lunch"},
		{"PUT", "/teams/slow/exclusion", by, "exclude slow by Aigerim: lunch"},
		{"POST", "/teams/slow/exclusion/lift", by, "include slow by Aigerim: lunch"},
		{"PUT", "/teams/slow/verdicts/git-monitor/override", `{"who":"A","why":"b","status":"NO_DATA","score":0}`, "override slow CODE_REPO NO_DATA 0 by A: b"},
		{"POST", "/teams/slow/verdicts/k6-booking-testing/rerun", by, "rerun slow TICKET_BOOKING by Aigerim: lunch"},
		{"POST", "/teams/slow/verdicts/CODE_REPO/override/lift", by, "lift slow CODE_REPO by Aigerim: lunch"},
	}
	h := operated()
	base := start(t, web.New(h.config()))
	for i, row := range rows {
		got := send(t, row.method, base+"/api/v1"+row.path, token, row.body)
		require.Equal(t, http.StatusOK, got.code, got.body)
		require.Len(t, h.changed, i+1)
		require.Equal(t, row.want, h.changed[i])
	}
	h.changed, h.refuses = nil, &web.Refusal{Code: http.StatusConflict, Text: "row has moved on", Hint: "Look again."}
	got := send(t, "POST", base+"/api/v1/outbox/slow/EVENT_SEARCH/drop", token, by)
	assert.Equal(t, http.StatusConflict, got.code)
	assert.JSONEq(t, `{"error":"row has moved on","hint":"Look again."}`, got.body)
}

func TestWithoutATokenNobodyIsAnOrganiser(t *testing.T) {
	t.Parallel()
	h := operated()
	h.token = ""
	base := start(t, web.New(h.config()))
	for _, sent := range []string{"", token} {
		got := send(t, "POST", base+"/api/v1/stop", sent, by)
		assert.Equal(t, http.StatusForbidden, got.code)
		assert.Contains(t, got.body, "ADMIN_TOKEN")
		assert.Equal(t, http.StatusForbidden, send(t, "GET", base+"/api/v1/outbox", sent, "").code)
	}
	assert.Equal(t, http.StatusOK, get(t, base+"/api/v1/services").code, "where services stand is for everybody")
	assert.Empty(t, h.changed)
}

// Nothing is sent over a network here, so that a busy machine is no slower than
// the limit.
func TestGuessesAreLimitedAndLockNobodyOut(t *testing.T) {
	t.Parallel()
	h := web.New(operated().config())
	ask := func(method, path, token, body string) *httptest.ResponseRecorder {
		r, w := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)), httptest.NewRecorder()
		r.Header.Set("Authorization", "Bearer "+token)
		h.ServeHTTP(w, r)
		return w
	}
	limited := func(method, path, token string, before int) *httptest.ResponseRecorder {
		t.Helper()
		for range 1000 { // far more than a burst, whatever time passes meanwhile
			w := ask(method, path, token, by)
			if w.Code == http.StatusTooManyRequests {
				return w
			}
			require.Equal(t, before, w.Code)
		}
		require.FailNow(t, "it is not limited")
		return nil
	}
	assert.NotEmpty(t, limited("POST", "/api/v1/stop", "guess", http.StatusUnauthorized).Header().Get("Retry-After"))
	assert.Equal(t, http.StatusOK, ask("POST", "/api/v1/stop", token, by).Code, "who knows the token is counted apart")
	limited("GET", "/api/v1/audit", token, http.StatusOK)
}

func TestListsOfOperations(t *testing.T) {
	t.Parallel()
	base := start(t, web.New(operated().config())) + "/api/v1"
	for name, row := range map[string]struct{ path, query, want string }{
		"all letters":               {"/dead-letters", "#.id", "[9,7,5]"},
		"letters of a service":      {"/dead-letters?service=EVENT_SEARCH", "#.id", "[9]"},
		"letters by its name":       {"/dead-letters?service=git-monitor-service", "#.id", "[7]"},
		"letters of a quiet one":    {"/dead-letters?service=cost-tracking", "@this", "[]"},
		"the seed's names":          {"/dead-letters", "0.[serviceName,teamId,retryCount,nextRetryAt,run,round]", `["k6-search-testing-service","slow",1,null,"01j5","01j4"]`},
		"a letter's cause":          {"/dead-letters", "0.error", `"still none [31m"`},
		"a letter of a whole round": {"/dead-letters", "1.teamId", `""`},
		"a letter of a lost round":  {"/dead-letters", "2.[serviceName,teamId,error]", `["","",""]`},
		"a letter's history":        {"/dead-letters/7", "history.#.try", "[1,2]"},
		"what waits":                {"/outbox", "#.state", `["pending","parked"]`},
		"what the Hub holds":        {"/outbox?state=sent", "#.team", `["slow"]`},
		"all updates":               {"/outbox?state=pending,%20sent,parked", "#.state", `["pending","sent","parked"]`},
		"the Hub's words":           {"/outbox?state=parked", "0.error", `"400: metrics are too long"`},
		"what the Hub is told":      {"/outbox/slow/k6-search-testing", "[state,metrics.p95]", `["sent",212.4]`},
		"exclusions":                {"/exclusions", "#.[team,source,at]", `[["test-team","contest.yaml",null],["slow","organiser","2026-08-17T07:00:00Z"]]`},
		"overrides":                 {"/overrides", "0.[team,who,why]", `["slow","Aigerim","seen"]`},
		"audit":                     {"/audit", "#.seq", "[2,1]"},
		"the newest of the audit":   {"/audit?limit=1", "#.seq", "[2]"},
		"all runs":                  {"/runs", "runs.#", "4"},
		"one run":                   {"/runs?limit=1", "runs.#", "1"},
		"runs of a team":            {"/runs?team=zero-downtime", "runs.#.criterion", `["EVENT_SEARCH","TICKET_BOOKING"]`},
		"runs of a service":         {"/runs?criterion=k6-booking-testing", "runs.#.state", `["launched"]`},
		"runs in a state":           {"/runs?state=judged&team=slow", "runs.#.team", `["slow"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := send(t, "GET", base+row.path, token, "")
			require.Equal(t, http.StatusOK, got.code, got.body)
			assert.JSONEq(t, row.want, gjson.Get(got.body, row.query).Raw)
		})
	}
}

// What is for everybody says nothing of what teams keep to themselves.
func TestPublicAnswersKeepSecrets(t *testing.T) {
	t.Parallel()
	base := start(t, web.New(operated().config())) + "/api/v1"
	for _, path := range []string{"/results", "/results.csv", "/runs", "/services", "/teams/zero-downtime", "/openapi.json"} {
		body := get(t, base+path).body
		assert.NotContains(t, body, "secret-", path)
		assert.NotContains(t, body, token, path)
	}
}
