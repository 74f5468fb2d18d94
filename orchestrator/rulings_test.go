package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/schedule"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// office is the API of operations over a real state and a real queue. Only the
// list of teams is the test's own.
type office struct {
	t        *testing.T
	works    *works
	url      string
	teams    []contest.Team
	teamsErr error
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, teams: []contest.Team{{Slug: "good", Name: "Good"}, {Slug: "slow", Name: "Slow"}, {Slug: "staff"}}}
	c, err := config.Dev()
	require.NoError(t, err)
	c.Web.AdminToken = config.NewSecret(organiser)
	c.Contest.Teams.Exclude = []contest.Slug{"staff"}
	s, err := store.Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	w := &works{store: s, site: site{
		config: c, log: slog.New(slog.DiscardHandler), services: []contest.ServiceKey{contest.GitMonitor, contest.SearchTesting},
		teams: func(context.Context) ([]contest.Team, error) { return o.teams, o.teamsErr },
	}}
	w.queue, err = schedule.New(t.Context(), s.DB(), w.scheduleConfig())
	require.NoError(t, err)
	w.line = conduct.New(conduct.Parts{Store: s, Wake: w.queue, Teams: w.contestants, Criterion: w.criterion}, conduct.Limits{})
	server := httptest.NewServer(web.New(web.Config{Board: board{w}, Archive: archive{s}, Pulse: pulse{w}, Operations: w.operations()}))
	t.Cleanup(server.Close)
	o.works, o.url = w, server.URL+"/api/v1"
	return o
}

// ask asks as an organiser and returns the answer.
func (o *office) ask(method, path, body string) (code int, answer string) {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.url+path, strings.NewReader(body))
	require.NoError(o.t, err)
	req.Header.Set("Authorization", "Bearer "+organiser)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(o.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(o.t, err)
	return resp.StatusCode, string(text)
}

// wants asks, and returns what is found in an answer of this code.
func (o *office) wants(code int, method, path, body, find string) string {
	o.t.Helper()
	got, answer := o.ask(method, path, body)
	require.Equal(o.t, code, got, "%s %s: %s", method, path, answer)
	return gjson.Get(answer, find).Raw
}

func (o *office) write(do func(ctx context.Context, tx *store.Tx) error) {
	o.t.Helper()
	require.NoError(o.t, o.works.store.Write(o.t.Context(), func(tx *store.Tx) error { return do(o.t.Context(), tx) }))
}

// trail is what the audit trail says, oldest first.
func (o *office) trail() (lines []string) {
	o.t.Helper()
	_, answer := o.ask("GET", "/audit", "")
	all := gjson.Parse(answer).Array()
	for i := len(all) - 1; i >= 0; i-- {
		lines = append(lines, fmt.Sprintf("%s: %s %s (%s)", all[i].Get("who"), all[i].Get("what"), all[i].Get("subject"), all[i].Get("why")))
	}
	return lines
}

const because = `{"who":"Aigerim","why":"asked"}`

// plan writes a round of searches with one run of the team good.
func (o *office) plan() {
	o.t.Helper()
	good := o.teams[0]
	o.write(func(ctx context.Context, tx *store.Tx) error {
		return errors.Join(
			tx.InsertRound(ctx, contest.Round{ID: "round-1", Service: contest.SearchTesting, StartedAt: tx.Now(), Teams: 1}),
			tx.InsertClimb(ctx, store.Climb{Climb: contest.Climb{ID: "climb-1", Round: "round-1", Team: good, Criterion: contest.EventSearch}}),
			tx.InsertRun(ctx, store.Run{Run: contest.Run{
				ID: "run-1", Round: "round-1", Climb: "climb-1", Service: contest.SearchTesting, Criterion: contest.EventSearch,
				Team: good, Target: "good:80", Scenario: "search", State: contest.RunPlanned, PlannedAt: tx.Now(),
			}}),
		)
	})
}

// bury leaves a dead letter of each kind, as if its job had failed three times.
func (o *office) bury() {
	o.t.Helper()
	o.write(func(ctx context.Context, tx *store.Tx) error {
		q := o.works.queue
		return errors.Join(
			q.FireTx(ctx, tx.SQL.Tx, contest.GitMonitor),
			q.WakeRun(ctx, tx.SQL.Tx, "run-1"), q.WakeRun(ctx, tx.SQL.Tx, "run-that-is-gone"),
			q.WakeCollect(ctx, tx.SQL.Tx, "round-1"), q.WakeLook(ctx, tx.SQL.Tx, "round-that-is-gone"),
		)
	})
	o.write(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.SQL.ExecContext(ctx, `UPDATE river_job SET state = 'discarded', attempt = 3, finalized_at = '2026-11-24 12:00:00',
			errors = jsonb('[{"at":"2026-11-24T12:00:00Z","attempt":3,"error":"the Hub gives no teams","trace":""}]')`)
		return err
	})
}

func TestDeadLettersTellWhoseTheyAre(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.plan()
	o.bury()
	fired := o.wants(200, "GET", "/dead-letters", "", "4.round")
	require.Len(t, fired, len(`""`)+26, "the round that would have begun, however often it is tried")
	require.JSONEq(t, `[
		["look","","","","round-that-is-gone"],
		["collect","k6-search-testing-service","","","round-1"],
		["advance","","","run-that-is-gone",""],
		["advance","k6-search-testing-service","good","run-1","round-1"],
		["round","git-monitor-service","","",`+fired+`]
	]`, o.wants(200, "GET", "/dead-letters", "", "#.[kind,serviceName,teamId,run,round]"))
	require.JSONEq(t, `["collect","advance"]`, o.wants(200, "GET", "/dead-letters?service=EVENT_SEARCH", "", "#.kind"))
	require.JSONEq(t, `[2,"the Hub gives no teams","2026-11-24T12:00:00Z",null]`,
		o.wants(200, "GET", "/dead-letters", "", "0.[retryCount,error,timestamp,nextRetryAt]"))

	id := o.wants(200, "GET", "/dead-letters?service=git-monitor", "", "0.id")
	require.JSONEq(t, `["the Hub gives no teams"]`, o.wants(200, "GET", "/dead-letters/"+id, "", "history.#.error"))
	require.Equal(t, "4", o.wants(200, "POST", "/dead-letters/"+id+"/retry", because, "#"))
	o.wants(404, "POST", "/dead-letters/"+id+"/retry", because, "")
	o.wants(404, "GET", "/dead-letters/"+id, "", "")
	lost := o.wants(200, "GET", "/dead-letters", "", "0.id")
	require.Equal(t, "3", o.wants(200, "POST", "/dead-letters/"+lost+"/drop", because, "#"))
	o.wants(404, "POST", "/dead-letters/"+lost+"/drop", because, "")
	o.wants(404, "POST", "/dead-letters/4711/drop", because, "")
	require.Equal(t, []string{
		"Aigerim: retry dead letter " + id + ": round git-monitor (asked)",
		"Aigerim: drop dead letter " + lost + ": look (asked)",
	}, o.trail(), "what was refused leaves no line")
}

func TestOutboxByHand(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for i, state := range []contest.OutboxState{contest.OutboxPending, contest.OutboxSent, contest.OutboxParked} {
		team := o.teams[i].Slug
		o.write(func(ctx context.Context, tx *store.Tx) error {
			err := tx.PutUpdate(ctx, contest.Update{TeamSlug: team, CriteriaType: contest.EventSearch, Status: contest.Passed, Score: i, Metrics: map[string]any{"p95": 12}})
			return errors.Join(err, tx.SettleUpdate(ctx, store.Settlement{Team: team, Criterion: contest.EventSearch, Version: 1, State: state, Attempts: 7, DueAt: tx.Now().Add(time.Hour), At: tx.Now(), Error: "400: no"}))
		})
	}
	require.JSONEq(t, `[["good","pending",7],["staff","parked",7]]`, o.wants(200, "GET", "/outbox", "", "#.[team,state,attempts]"))
	require.JSONEq(t, `["sent",{"p95":12}]`, o.wants(200, "GET", "/outbox/slow/EVENT_SEARCH", "", "[state,metrics]"))
	o.wants(404, "GET", "/outbox/slow/CODE_REPO", "", "")
	o.wants(404, "POST", "/outbox/slow/CODE_REPO/retry", because, "")
	require.Contains(t, o.wants(409, "POST", "/outbox/slow/EVENT_SEARCH/retry", because, "error"), "the Hub holds this update already")
	require.Contains(t, o.wants(409, "POST", "/outbox/good/EVENT_SEARCH/drop", because, "error"), "not parked")
	require.JSONEq(t, `[["good","pending",7],["staff","pending",0]]`, o.wants(200, "POST", "/outbox/staff/EVENT_SEARCH/retry", because, "#.[team,state,attempts]"))
	o.write(func(ctx context.Context, tx *store.Tx) error {
		return tx.SettleUpdate(ctx, store.Settlement{Team: "staff", Criterion: contest.EventSearch, Version: 1, State: contest.OutboxParked, At: tx.Now(), DueAt: tx.Now()})
	})
	require.JSONEq(t, `["good"]`, o.wants(200, "POST", "/outbox/staff/k6-search-testing/drop", because, "#.team"))
	require.Equal(t, []string{"Aigerim: retry update staff EVENT_SEARCH (asked)", "Aigerim: drop update staff EVENT_SEARCH (asked)"}, o.trail())
}

func TestTeamsAreExcludedAndIncluded(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	require.JSONEq(t, `[["staff","contest.yaml",null]]`, o.wants(200, "GET", "/exclusions", "", "#.[team,source,at]"))
	require.JSONEq(t, `[["staff","",""],["slow","Aigerim","asked"]]`, o.wants(200, "PUT", "/teams/slow/exclusion", because, "#.[team,who,why]"))
	in, err := o.works.contestants(t.Context())
	require.NoError(t, err)
	require.Equal(t, []contest.Team{o.teams[0]}, in)

	require.Contains(t, o.wants(404, "PUT", "/teams/sloww/exclusion", because, "error"), "no such team: sloww")
	o.teamsErr = errors.New("hub: connection refused to https://hub.example")
	require.NotContains(t, o.wants(503, "PUT", "/teams/sloww/exclusion", because, "@this"), "hub.example")
	o.wants(404, "POST", "/teams/good/exclusion/lift", because, "")
	require.Contains(t, o.wants(409, "POST", "/teams/staff/exclusion/lift", because, "@this"), "contest.yaml")
	require.JSONEq(t, `["staff"]`, o.wants(200, "POST", "/teams/slow/exclusion/lift", because, "#.team"))
	require.Equal(t, []string{"Aigerim: exclude team slow (asked)", "Aigerim: include team slow (asked)"}, o.trail())
}

func TestVerdictsAreOverriddenAndMeasuredOnesReturn(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.write(func(ctx context.Context, tx *store.Tx) error {
		return tx.InsertVerdict(ctx, contest.Verdict{Team: o.teams[0], Service: contest.SearchTesting, Criterion: contest.EventSearch,
			Status: contest.Failed, Metrics: map[string]any{"p95": 2400.0}, At: tx.Now().Add(-time.Minute)}, true)
	})
	const path, set = "/teams/good/verdicts/EVENT_SEARCH/override", `{"who":"Aigerim","why":"the network was ours","status":"PASSED","score":3}`
	standing := func() string { return o.wants(200, "GET", "/teams/good", "", "criteria.EVENT_SEARCH.[status,score]") }

	o.wants(404, "POST", path+"/lift", because, "")
	o.wants(404, "PUT", "/teams/nobody/verdicts/EVENT_SEARCH/override", set, "")
	require.JSONEq(t, `[["good","EVENT_SEARCH","PASSED",3,"Aigerim","the network was ours"]]`, o.wants(200, "PUT", path, set, "#.[team,criterion,status,score,who,why]"))
	require.JSONEq(t, `["PASSED",3]`, standing())
	require.JSONEq(t, `["PASSED",3,2400]`, o.wants(200, "GET", "/outbox/good/EVENT_SEARCH", "", "[status,score,metrics.p95]"), "what the Hub is told")
	require.JSONEq(t, `[]`, o.wants(200, "POST", path+"/lift", because, "@this"))
	require.JSONEq(t, `["FAILED",0]`, standing())
	require.Equal(t, []string{"Aigerim: override good EVENT_SEARCH: PASSED, 3 points (the network was ours)", "Aigerim: lift override good EVENT_SEARCH (asked)"}, o.trail())
}

func TestServicesRunsAndStops(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.plan()
	o.wants(200, "POST", "/services/git-monitor/run", `{"who":"Aigerim"}`, "")
	var kind string
	o.write(func(ctx context.Context, tx *store.Tx) error {
		return tx.SQL.QueryRowContext(ctx, `SELECT kind FROM river_job`).Scan(&kind)
	})
	require.Equal(t, "round", kind)
	require.JSONEq(t, `["planned"]`, o.wants(200, "GET", "/runs?state=planned&team=good", "", "runs.#.state"))
	require.Equal(t, `"cancelled"`, o.wants(200, "POST", "/runs/run-1/cancel", because, "state"))
	require.Contains(t, o.wants(409, "POST", "/runs/run-1/cancel", because, "hint"), "not over")
	require.JSONEq(t, `[]`, o.wants(200, "GET", "/runs?state=planned", "", "runs"))
	require.JSONEq(t, `["run-1"]`, o.wants(200, "GET", "/runs?state=cancelled", "", "runs.#.id"))
	require.Equal(t, "0", o.wants(200, "POST", "/stop", because, "stopped"))
	trail := o.trail()
	require.Equal(t, "Aigerim: run service git-monitor ()", trail[0])
	require.Contains(t, trail[1], "cancel run")
}

// A change that cannot be written to the audit trail does not happen.
func TestNoChangeWithoutItsLine(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.plan()
	o.bury()
	o.write(func(ctx context.Context, tx *store.Tx) error {
		err := errors.Join(
			tx.PutUpdate(ctx, contest.Update{TeamSlug: "slow", CriteriaType: contest.EventSearch}),
			tx.SettleUpdate(ctx, store.Settlement{Team: "slow", Criterion: contest.EventSearch, Version: 1, State: contest.OutboxParked, At: tx.Now(), DueAt: tx.Now()}),
		)
		_, broken := tx.SQL.ExecContext(ctx, `ALTER TABLE audit RENAME TO audit_is_gone`)
		return errors.Join(err, broken)
	})
	for _, path := range []string{
		"PUT /teams/slow/exclusion", "POST /outbox/slow/EVENT_SEARCH/drop", "POST /dead-letters/1/drop", "POST /dead-letters/2/retry",
		"POST /services/git-monitor/run", "POST /services/git-monitor/pause", "POST /runs/run-1/cancel", "PUT /services/git-monitor/interval",
		"PUT /teams/good/verdicts/EVENT_SEARCH/override",
	} {
		method, path, _ := strings.Cut(path, " ")
		body := because
		switch {
		case strings.HasSuffix(path, "interval"):
			body = `{"who":"Aigerim","why":"asked","interval":"7 * * * *"}`
		case strings.HasSuffix(path, "override"):
			body = `{"who":"Aigerim","why":"asked","status":"PASSED","score":1}`
		}
		o.wants(500, method, path, body, "")
	}
	require.Equal(t, "5", o.wants(200, "GET", "/dead-letters", "", "#"))
	require.JSONEq(t, `["parked"]`, o.wants(200, "GET", "/outbox", "", "#.state"))
	require.JSONEq(t, `["staff"]`, o.wants(200, "GET", "/exclusions", "", "#.team"))
	require.JSONEq(t, `[]`, o.wants(200, "GET", "/overrides", "", "@this"))
	require.JSONEq(t, `["planned"]`, o.wants(200, "GET", "/runs", "", "runs.#.state"))
	require.JSONEq(t, `[false]`, o.wants(200, "GET", "/services", "", `#(service=="git-monitor")#.paused`))
	require.NotContains(t, o.wants(200, "GET", "/services", "", "@this"), "7 * * * *")
}

// TestRerunOverTheAPI asks for one in a real state and queue, and sees why it is refused.
func TestRerunOverTheAPI(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.teams[0].Endpoint = "http://good.example.org"
	const at, why = "/teams/good/verdicts/EVENT_SEARCH/rerun", `{"who":"Aigerim","why":"its host was down"}`
	require.NotEqual(t, `""`, o.wants(http.StatusOK, "POST", at, why, "round"))
	require.Equal(t, `["planned"]`, o.wants(http.StatusOK, "GET", "/runs?team=good", "", "runs.#.state"))
	require.Contains(t, o.wants(http.StatusConflict, "POST", at, why, "error"), "is being measured in this criterion already")
	require.Contains(t, o.wants(http.StatusConflict, "POST", "/teams/good/verdicts/ARCHIVE_SEARCH/rerun", why, "error"), "the service is not enabled")
	require.Contains(t, o.wants(http.StatusNotFound, "POST", "/teams/staff/verdicts/EVENT_SEARCH/rerun", why, "hint"), "excluded")
	o.works.services = append(o.works.services, contest.CostTracking)
	require.Contains(t, o.wants(http.StatusConflict, "POST", "/teams/good/verdicts/BUDGET_TRACKING/rerun", why, "error"), "for all teams together")
	o.teamsErr = errors.New("key 12345 is refused")
	require.Equal(t, `"the list of teams cannot be had now"`, o.wants(http.StatusServiceUnavailable, "POST", "/teams/slow/verdicts/EVENT_SEARCH/rerun", why, "error"))
	require.Equal(t, `[["Aigerim","re-run","its host was down"]]`, o.wants(http.StatusOK, "GET", "/audit", "", "#.[who,what,why]"))
}
