package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/web"
)

// Suspicions are shown to organisers, beside the verdicts, and to nobody else,
// wherever that looks.
func TestOnlyOrganisersSeeSuspicions(t *testing.T) {
	t.Parallel()
	h := operated()
	base := start(t, web.New(h.config()))
	team, run := "/teams/"+string(h.teams[0].Slug), "/runs/"+string(h.records[0].Run.ID)
	for _, path := range []string{
		"/", team, run, "/api/v1/results", "/api/v1/results.csv", "/api/v1" + team, "/api/v1" + run, "/api/v1" + run + "/evidence", "/api/v1/runs", "/health",
		"/organisers/suspicions", "/api/v1/suspicions",
	} {
		got := send(t, http.MethodGet, base+path, "", "")
		assert.NotContains(t, strings.ToLower(got.body), "suspici", path)
	}
	assert.Equal(t, http.StatusUnauthorized, send(t, http.MethodGet, base+"/api/v1/suspicions", "", "").code)

	page := send(t, http.MethodGet, base+team, token, "")
	require.Equal(t, http.StatusOK, page.code)
	assert.Equal(t, "no-store", page.header.Get("Cache-Control"))
	assert.Contains(t, page.body, "suspicious: &lt;b&gt;one&lt;/b&gt;")
	assert.Contains(t, page.body, "suspicious: two")
	assert.NotContains(t, page.body, "\x1b")
	assert.NotContains(t, send(t, http.MethodGet, base+"/teams/"+string(h.teams[1].Slug), token, "").body, "suspicious", "another team's page")

	got := send(t, http.MethodGet, base+"/api/v1/suspicions", token, "")
	require.Equal(t, http.StatusOK, got.code, got.body)
	assert.Equal(t, int64(2), gjson.Get(got.body, "0.times").Int())
}
