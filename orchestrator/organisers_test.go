package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// TestSpendByHandIsPublished types spends into the page of a real state and has
// the exporter judge them.
func TestSpendByHandIsPublished(t *testing.T) {
	t.Parallel()
	c, err := config.Dev()
	require.NoError(t, err)
	c.Web.AdminToken = config.NewSecret("let-me-in")
	s, err := store.Open(t.Context(), t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	teams, hubErr := []contest.Team{{Slug: "good", Spend: "120 000 ₸"}, {Slug: "empty"}, {Slug: "vague", Spend: "a lot"}}, error(nil)
	w := &works{store: s, site: site{config: c, log: slog.New(slog.DiscardHandler), teams: func(context.Context) ([]contest.Team, error) {
		return teams, hubErr
	}}}
	server := httptest.NewServer(web.New(web.Config{Board: board{w}, Archive: archive{s}, Pulse: pulse{w}, Organisers: w.organisers()}))
	t.Cleanup(server.Close)
	o := signIn(t, server, "let-me-in")

	for _, row := range []struct {
		name, team, amount, currency, who string
		code                              int
		want                              string
	}{
		{"as people type", "good", "≈ 125 000,50 ₸", "", "Aigerim", 200, "≈ 125 000.50 KZT"},
		{"currency beside it", "empty", "15", "usd", "Aigerim", 200, "15 USD"},
		{"nothing spent", "vague", "0", "", "Bolat", 200, "0 KZT"},
		{"corrected", "good", "130000", "", "Bolat", 200, "130 000 KZT"},
		{"negative", "good", "-5", "", "A", 422, "below zero"},
		{"absurd", "good", "1e99", "", "A", 422, "Nothing was written down."},
		{"over all bounds", "good", "999999999999999999999", "", "A", 422, "more than any contest costs"},
		{"a range", "good", "10-20", "", "A", 422, "range"},
		{"two currencies", "good", "$5", "KZT", "A", 422, "The amount is in USD"},
		{"no such currency", "good", "5", "ZZZ", "A", 422, "no such currency"},
		{"empty", "good", "", "", "A", 422, "no amount is given"},
		{"nobody", "good", "5", "", " ", 422, "not said who"},
		{"no such team", "nobody", "5", "", "A", 404, "no such page"},
	} {
		code, body := o.enter(t, row.team, url.Values{"amount": {row.amount}, "currency": {row.currency}, "who": {row.who}, "note": {"invoice"}})
		require.Equal(t, row.code, code, row.name)
		require.Contains(t, body, row.want, row.name)
	}
	history, err := s.SpendHistory(t.Context(), "good", 10)
	require.NoError(t, err)
	require.Len(t, history, 2, "what was refused is not kept")
	trail, err := s.AuditTrail(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, "good 130 000 KZT", trail[0].Subject)

	x, err := w.costExporter(c.Contest.Criteria[contest.BudgetTracking])
	require.NoError(t, err)
	verdicts := map[contest.Slug]contest.Verdict{}
	require.NoError(t, x.Measure(t.Context(), teams, func(v contest.Verdict) { verdicts[v.Team.Slug] = v }))
	require.Equal(t, contest.Passed, verdicts["good"].Status)
	require.Equal(t, 130_000.0, verdicts["good"].Metrics["totalSpent"], "the newest entry counts, not MONEY_SPEND")
	require.Contains(t, sentences(verdicts["good"]), "MONEY_SPEND says 120 000 KZT, the form says 130 000 KZT")
	require.Equal(t, "USD", verdicts["empty"].Metrics["currency"])
	require.Equal(t, contest.Passed, verdicts["vague"].Status)

	hubErr = errors.New("the hub is away")
	code, body := o.get(t, "/organisers/spend")
	require.Equal(t, http.StatusOK, code)
	require.Contains(t, body, "130 000 KZT", "what was written down is seen without the Hub")
	require.Contains(t, body, "cannot be read just now")
}

func sentences(v contest.Verdict) (all string) {
	for _, f := range v.Findings {
		all += f.Sentence + "\n"
	}
	return all
}

// signedIn is a browser that is signed in.
type signedIn struct {
	client *http.Client
	base   string
}

func signIn(t *testing.T, server *httptest.Server, token string) signedIn {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	o := signedIn{&http.Client{Jar: jar, Transport: server.Client().Transport}, server.URL}
	code, _ := o.post(t, "/organisers/login", url.Values{"token": {token}})
	require.Equal(t, http.StatusOK, code)
	return o
}

func (o signedIn) get(t *testing.T, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.base+path, nil)
	require.NoError(t, err)
	return o.send(t, req)
}

func (o signedIn) post(t *testing.T, path string, form url.Values) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.base+path, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return o.send(t, req)
}

func (o signedIn) send(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	resp, err := o.client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := readAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

func (o signedIn) enter(t *testing.T, team string, form url.Values) (int, string) {
	t.Helper()
	_, body := o.get(t, "/organisers/spend")
	found := regexp.MustCompile(`name="form" value="([^"]+)"`).FindStringSubmatch(body)
	require.NotNil(t, found, body)
	form.Set("form", found[1])
	return o.post(t, "/organisers/spend/"+team, form)
}
