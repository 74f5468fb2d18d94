package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/verdict"
)

// TestExplainTeam explains the verdict of a real run, as it is and with each row
// behind it changed by hand.
func TestExplainTeam(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	code, output := hackload(t, nil, "run", "search", "--target", refusing, "--state", state)
	require.Equal(t, exitFailed, code, output)
	s, err := store.Open(t.Context(), state)
	require.NoError(t, err)
	defer s.Close()
	stands, err := s.Standing(t.Context(), "local", contest.EventSearch)
	require.NoError(t, err)
	require.False(t, stands.Published)
	said := func() (string, error) {
		var out bytes.Buffer
		err := explainTeam(t.Context(), &out, config.State{Dir: state}, []string{"local", "k6-search-testing"})
		return out.String(), err
	}
	alter := func(statement string, args ...any) {
		_, err := s.DB().Exec(statement, args...)
		require.NoError(t, err)
	}
	out, err := said()
	require.NoError(t, err, out)
	require.Contains(t, out, "was meant for the Hub")

	alter(`UPDATE verdicts SET published = 1`)
	out, err = said()
	require.NoError(t, err, out)
	require.Contains(t, out, "an organiser dropped it")

	update, err := stands.Verdict.Update()
	require.NoError(t, err)
	require.NoError(t, s.Write(t.Context(), func(tx *store.Tx) error { return tx.PutUpdate(t.Context(), update) }))
	out, err = said()
	require.NoError(t, err, out)
	require.Contains(t, out, "Its content is the verdict's")

	for _, row := range []struct{ name, table, was, is, told string }{
		{"score", "verdicts", `"score":0`, `"score":3`, "score: stored is 3, derived 0"},
		{"status", "verdicts", `"status":"FAILED"`, `"status":"PASSED"`, `status: stored is "PASSED", derived "FAILED"`},
		{"a finding", "verdicts", `0 of 1 runs passed`, `1 of 1 runs passed`, "finding 1: stored is"},
		{"a metric", "verdicts", `"testResults":`, `"otherResults":`, `metrics.otherResults: stored is `},
		{"the update", "outbox", `"score":0`, `"score":3`, "outbox: the update is "},
		{"a run's verdict", "run_verdicts", `"outcome":"failed"`, `"outcome":"passed"`, "verdict: its hash is"},
		{"the evidence", "evidence", `"team":"local"`, `"team":"other"`, "evidence"},
		{"the climb's levels", "climbs", `"users":10`, `"users":11`, "rules of the climb: their hash is"},
	} {
		const swap = ` SET doc = replace(doc, ?, ?)`
		before, err := said()
		require.NoError(t, err, before)
		alter(`UPDATE `+row.table+swap, row.was, row.is)
		out, err := said()
		var e *exit
		require.ErrorAs(t, err, &e, "%s: %s", row.name, out)
		require.Equal(t, exitFailed, e.code)
		require.Contains(t, out, row.told, row.name)
		alter(`UPDATE `+row.table+swap, row.is, row.was)
	}
}

// TestExplainTeamSaysWhatItCannot gives verdicts that nothing is kept to derive
// from: they are held against what the Hub is told, and that is said.
func TestExplainTeamSaysWhatItCannot(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	s, err := store.Open(t.Context(), state)
	require.NoError(t, err)
	defer s.Close()
	put := func(service string, published bool, change func(*contest.Verdict)) contest.Update {
		found, err := contest.FindService(service)
		require.NoError(t, err)
		var u contest.Update
		require.NoError(t, s.Write(t.Context(), func(tx *store.Tx) (err error) {
			v := verdict.NoData(contest.Team{Slug: "good"}, found, "none", tx.Now())
			if change != nil {
				change(&v)
			}
			if u, err = v.Update(); err != nil {
				return err
			}
			if published {
				err = tx.PutUpdate(t.Context(), u)
			}
			if err != nil {
				return err
			}
			return tx.InsertVerdict(t.Context(), v, published)
		}))
		return u
	}
	put("git-monitor", true, nil)
	put("k6-search-testing", true, nil)
	put("k6-booking-testing", true, func(v *contest.Verdict) { v.Findings[0].Rule = "override" })
	put("k6-auth-testing", true, func(v *contest.Verdict) { v.Status, v.Score = contest.Passed, 7 })
	put("k6-auth-testing", false, func(v *contest.Verdict) { v.Invalid = true })
	for criterion, want := range map[string]string{
		"CODE_REPO":        "What an exporter saw is not kept",
		"EVENT_SEARCH":     "No load was put on the team",
		"TICKET_BOOKING":   "It was set by hand",
		"AUTH_PERFORMANCE": "PASSED, 7 points.\n",
	} {
		var out bytes.Buffer
		require.NoError(t, explainTeam(t.Context(), &out, config.State{Dir: state}, []string{"good", criterion}), out.String())
		require.Contains(t, out.String(), want, criterion)
		require.Contains(t, out.String(), "Its content is the verdict's", criterion)
	}
}
