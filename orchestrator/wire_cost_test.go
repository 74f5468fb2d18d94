package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// TestBillsOfACloudThatIsOn reads a recorded bill for whom typed nothing.
func TestBillsOfACloudThatIsOn(t *testing.T) {
	t.Parallel()
	bill, err := os.ReadFile("../exporters/cost/aws/testdata/page2.json")
	require.NoError(t, err)
	require.NotEmpty(t, gjson.GetBytes(bill, "ResultsByTime").Array())
	asked := make(chan string, 10)
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked <- string(body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write(bill)
	}))
	t.Cleanup(cloud.Close)
	c, err := config.Dev()
	require.NoError(t, err)
	c.Cost.AWS = config.AWS{AccessKeyID: config.NewSecret("AKIA"), SecretAccessKey: config.NewSecret("secret"), Endpoint: cloud.URL}
	c.Cost.TagKey = gjson.GetBytes(bill, "GroupDefinitions.0.Key").String()
	w := &works{site: site{config: c, log: slog.New(slog.DiscardHandler)}}
	key := gjson.GetBytes(bill, "ResultsByTime.0.Groups.0.Keys.0").String()
	teams := []contest.Team{{Slug: contest.Slug(key[len(c.Cost.TagKey)+1:])}}
	measure := func() (v contest.Verdict) {
		x, err := w.costExporter(c.Contest.Criteria[contest.BudgetTracking])
		require.NoError(t, err)
		require.NoError(t, x.Measure(t.Context(), teams, func(got contest.Verdict) { v = got }))
		return v
	}
	require.Equal(t, contest.NoData, measure().Status)
	require.Empty(t, asked, "a cloud that is off is asked nothing")
	c.Cost.AWS.Enabled = true
	v := measure()
	require.Equal(t, contest.Passed, v.Status, v.Findings)
	require.Contains(t, sentences(v), "as billed by AWS")
	require.Contains(t, <-asked, `"Key":"`+c.Cost.TagKey+`"`)

	for name, change := range map[string]func(*config.Cost){
		"aws":   func(c *config.Cost) { c.AWS.SecretAccessKey = config.Secret{} },
		"azure": func(c *config.Cost) { c.Azure.Enabled = true },
		"gcp":   func(c *config.Cost) { c.GCP.Enabled, c.GCP.ServiceAccountKey = true, config.NewSecret("not a key") },
	} {
		spoilt := *c
		change(&spoilt.Cost)
		_, err := (&works{site: site{config: &spoilt}}).costExporter(c.Contest.Criteria[contest.BudgetTracking])
		require.ErrorContains(t, err, name+":")
		require.NotContains(t, err.Error(), "not a key")
	}
}
