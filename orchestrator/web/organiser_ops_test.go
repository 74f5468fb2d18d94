package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// atDesk serves organisers' pages over what h answers.
func atDesk(t *testing.T, h *hand) *browser {
	t.Helper()
	c := h.config()
	c.Operations = &web.Operations{Token: token, Schedule: h, Control: h, Letters: h, Outbox: h, Exclusions: h, Overrides: h, Trail: h}
	c.Organisers = &web.Organisers{Token: token, Spends: aBook()}
	return browse(t, start(t, web.New(c)))
}

func TestOrganisersOperateOnPages(t *testing.T) {
	t.Parallel()
	h := &hand{state: sample(), letters: []web.DeadLetter{{ID: 7, Kind: "collect", Service: contest.SearchTesting, Team: "slow", Died: noon(),
		History: []web.LetterFail{{At: noon(), Try: 1, Error: `<b>no</b> answer`}}}}}
	h.waiting = web.Waiting{Targets: 1, Runs: []contest.Run{run(h.teams[2], contest.EventSearch, "search", "01j5cccccccccccccccccccccc")}}
	b := atDesk(t, h)
	require.Equal(t, http.StatusForbidden, b.send(http.MethodPost, "/organisers/services", url.Values{"do": {"pause git-monitor"}}).code)
	b.login()
	for name, tc := range map[string]struct {
		path, do string
		shows    string
		want     string
	}{
		"run now": {"services", "run git-monitor", "Source code", "run git-monitor by Aigerim: because"},
		"pause":   {"services", "pause git-monitor", "*/30 * * * *", "pause git-monitor by Aigerim: because"},
		"resume":  {"services", "resume cost-tracking", "Paused", "resume cost-tracking by Aigerim: because"},
		"cancel":  {"runs", "cancel 01j5bbbbbbbbbbbbbbbbbbbbbb", "Zero Downtime", "cancel 01j5bbbbbbbbbbbbbbbbbbbbbb by Aigerim: because"},
		"stop":    {"runs", "stop all", "01j5cccccccccccccccccccccc", "stop by Aigerim: because"},
		"retry":   {"letters", "retry 7", "&lt;b&gt;no&lt;/b&gt; answer", "retry letter 7 by Aigerim: because"},
		"drop":    {"letters", "drop 7", "collect", "drop letter 7 by Aigerim: because"},
	} {
		path := "/organisers/" + tc.path
		page := b.get(path)
		require.Equal(t, http.StatusOK, page.code, name)
		assert.Contains(t, page.body, tc.shows, name)
		assert.Contains(t, page.body, `value="`+strings.Fields(tc.do)[0]+` `, name)
		form := url.Values{"form": {formToken(t, page)}}
		fill := func(who, why, do string) page2 {
			h.changed = nil
			form.Set("who", who)
			form.Set("why", why)
			form.Set("do", do)
			got := b.send(http.MethodPost, path, form)
			return page2{got, h.changed}
		}
		done := fill("Aigerim", "because", tc.do)
		assert.Equal(t, []string{tc.want}, done.changed, name)
		assert.Contains(t, done.body, "Done. It is in the audit trail.", name)

		refused := fill("Aigerim", " ", tc.do)
		assert.Equal(t, http.StatusUnprocessableEntity, refused.code, name)
		assert.Contains(t, refused.body, `value="Aigerim"`, "what was typed stays")
		assert.Empty(t, refused.changed, name)
		for _, odd := range []string{"", "explode git-monitor", strings.Fields(tc.do)[0] + " ../no such", strings.Fields(tc.do)[0]} {
			if tc.do == "stop all" { // it has no subject that could be odd
				continue
			}
			bad := fill("Aigerim", "because", odd)
			assert.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, bad.code, "%s: %q", name, odd)
			assert.Empty(t, bad.changed, "%s: %q", name, odd)
		}
	}
	assert.Equal(t, http.StatusOK, b.get("/organisers/audit").code)
	assert.Contains(t, b.get("/organisers/services?lang=ru").body, "Приостановить")
}

// page2 is an answer with what it changed.
type page2 struct {
	page
	changed []string
}

// TestOrganisersMeasureATeamAgain sees what can be chosen, what was chosen come
// back with a refusal, and that a change of nothing is none.
func TestOrganisersMeasureATeamAgain(t *testing.T) {
	t.Parallel()
	h := &hand{state: sample()}
	b := atDesk(t, h)
	b.login()
	page := b.get("/organisers/runs?team=slow&criterion=CODE_REPO")
	assert.Contains(t, page.body, `<option value="slow" selected>Slow &amp; Steady</option>`)
	assert.Contains(t, page.body, `<option value="CODE_REPO" selected>`)
	assert.NotContains(t, page.body, `<option value="BUDGET_TRACKING"`, "spends are compared, so they are measured together")
	form := url.Values{"form": {formToken(t, page)}, "who": {"Aigerim"}, "why": {"its host was down"}, "do": {"rerun chosen"}, "team": {"slow"}, "criterion": {"CODE_REPO"}}
	assert.Contains(t, b.send(http.MethodPost, "/organisers/runs", form).body, "Done. It is in the audit trail.")
	assert.Equal(t, []string{"rerun slow CODE_REPO by Aigerim: its host was down"}, h.changed)

	h.changed, h.refuses = nil, &web.Refusal{Code: http.StatusConflict, Text: "the team is being measured in this criterion already", Hint: "Wait."}
	refused := b.send(http.MethodPost, "/organisers/runs", form)
	assert.Equal(t, http.StatusConflict, refused.code)
	assert.Contains(t, refused.body, "is being measured in this criterion already")
	assert.Contains(t, refused.body, `<option value="slow" selected>`, "what was chosen stays")

	h.refuses = nil
	for name, odd := range map[string][2]string{"no team": {"", "CODE_REPO"}, "no criterion": {"slow", ""}, "none of both": {"a b", "NOSUCH"}} {
		form.Set("team", odd[0])
		form.Set("criterion", odd[1])
		got := b.send(http.MethodPost, "/organisers/runs", form)
		assert.Equal(t, http.StatusUnprocessableEntity, got.code, name)
		assert.Contains(t, got.body, "Choose a team and a criterion.", name)
		assert.Empty(t, h.changed, name)
	}
	form.Set("form", "of another session")
	assert.Equal(t, http.StatusForbidden, b.send(http.MethodPost, "/organisers/runs", form).code)
}
