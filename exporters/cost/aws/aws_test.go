package aws_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/exporters/cost"
	"github.com/hackload-kz/hackload/exporters/cost/aws"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const keyID, secret = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

var (
	//go:embed testdata/page1.json
	page1 string
	//go:embed testdata/page2.json
	page2 string
)

// explorer is Cost Explorer behind a real socket. It answers with what answer
// returns for the page that is asked for, and keeps what it was asked.
type explorer struct {
	answer func(page string) (int, string)
	asked  []map[string]any
}

func (e *explorer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	question := map[string]any{}
	_ = json.Unmarshal(body, &question)
	question["target"] = r.Header.Get("X-Amz-Target")
	question["signed"] = strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="+keyID+"/") &&
		strings.Contains(r.Header.Get("Authorization"), "/us-east-1/ce/aws4_request")
	e.asked = append(e.asked, question)
	page, _ := question["NextPageToken"].(string)
	code, text := e.answer(page)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text)
}

func provider(t testing.TB, handler http.Handler) *aws.Provider {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	p, err := aws.New(aws.Config{AccessKeyID: keyID, SecretAccessKey: secret, Endpoint: server.URL})
	require.NoError(t, err)
	return p
}

func teams() []contest.Slug { return []contest.Slug{"alem", "oyu", "zulu", "team_1", "npe"} }

func window() (from, to time.Time) {
	return time.Date(2025, 8, 15, 9, 0, 0, 0, time.UTC), time.Date(2025, 9, 2, 3, 4, 5, 0, time.FixedZone("", 5*3600))
}

func TestSpend(t *testing.T) {
	e := &explorer{answer: func(page string) (int, string) {
		return 200, map[string]string{"": page1, "second": page2}[page]
	}}
	p := provider(t, e)
	from, to := window()
	got, err := p.Spend(t.Context(), from, to, teams())
	require.NoError(t, err)
	require.Equal(t, map[contest.Slug][]cost.Amount{
		"alem":   {{Micros: 15_300_000, Currency: "USD"}}, // rounded once, after adding
		"oyu":    {{Micros: 0, Currency: "USD"}},
		"zulu":   {{Micros: 0, Currency: "USD"}}, // a refund is no income
		"team_1": {{Micros: 0, Currency: "USD"}},
	}, got)
	require.Equal(t, "AWS", p.Name())
	require.Len(t, e.asked, 2)
	want := map[string]any{
		"target": "AWSInsightsIndexService.GetCostAndUsage", "signed": true,
		"Granularity": "MONTHLY", "Metrics": []any{"UnblendedCost"},
		"TimePeriod": map[string]any{"Start": "2025-08-15", "End": "2025-09-02"}, // 2025-09-01T22:04:05Z counts
		"GroupBy":    []any{map[string]any{"Type": "TAG", "Key": "team"}},
	}
	require.Equal(t, want, e.asked[0])
	want["NextPageToken"] = "second"
	require.Equal(t, want, e.asked[1])
}

func TestSpendUntilMidnight(t *testing.T) {
	e := &explorer{answer: func(string) (int, string) { return 200, page2 }}
	_, err := provider(t, e).Spend(t.Context(), time.Date(2025, 8, 15, 0, 0, 0, 0, time.UTC), time.Date(2025, 8, 17, 0, 0, 0, 0, time.UTC), teams())
	require.NoError(t, err)
	require.Equal(t, map[string]any{"Start": "2025-08-15", "End": "2025-08-17"}, e.asked[0]["TimePeriod"], "the end does not count itself")
}

func TestSpendTriesAgain(t *testing.T) {
	failed := false
	p := provider(t, &explorer{answer: func(string) (int, string) {
		if !failed {
			failed = true
			return 503, "{}"
		}
		return 200, page2
	}})
	from, to := window()
	got, err := p.Spend(t.Context(), from, to, teams())
	require.NoError(t, err)
	require.Len(t, got, 3)
}

func TestSpendFails(t *testing.T) {
	row := func(keys, amount, unit string) string {
		return fmt.Sprintf(`{"ResultsByTime":[{"Groups":[{"Keys":%s,"Metrics":{"UnblendedCost":{"Amount":%q,"Unit":%q}}}]}]}`, keys, amount, unit)
	}
	rows := map[string]struct {
		code       int
		body, want string
	}{
		"denied":              {400, `{"__type":"AccessDeniedException","message":"User ` + keyID + ` is not authorized ` + secret + `"}`, "refused with AccessDeniedException"},
		"key not known":       {400, `{"__type":"UnrecognizedClientException","message":"bad"}`, "refused with UnrecognizedClientException"},
		"bill expired":        {400, `{"__type":"com.amazonaws.ce#BillExpirationException","Message":"x"}`, "refused with BillExpirationException"},
		"error is unreadable": {400, `{"__type":"<script>alert(1)</script>"}`, "refused with an unreadable error"},
		"no JSON":             {200, `<html>` + secret, "no readable answer came"},
		"a redirect":          {302, ``, "refused with"},
		"no number":           {200, row(`["team$alem"]`, "lots", "USD"), "a row's cost is no number"},
		"a huge exponent":     {200, row(`["team$alem"]`, "1e999999999", "USD"), "a row's cost is no number"},
		"no currency":         {200, row(`["team$alem"]`, "1", "N/A"), "a row's currency is no code"},
		"no tag":              {200, row(`[]`, "1", "USD"), "a row has no tag"},
		"another tag":         {200, row(`["owner$alem"]`, "1", "USD"), "a row is of another tag"},
		"absurd":              {200, row(`["team$alem"]`, "1000000000001", "USD"), "the bill of team alem is over 10^12 USD"},
		"pages without end":   {200, `{"NextPageToken":"again","ResultsByTime":[]}`, "over 100 pages"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			p := provider(t, &explorer{answer: func(string) (int, string) { return row.code, row.body }})
			from, to := window()
			got, err := p.Spend(t.Context(), from, to, teams())
			require.ErrorContains(t, err, row.want)
			require.Nil(t, got, "never a part of a bill")
			require.NotContains(t, err.Error(), keyID)
			require.NotContains(t, err.Error(), secret)
			require.Less(t, len(err.Error()), 150)
		})
	}
}

func TestSpendEndsWithItsContext(t *testing.T) {
	p := provider(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	from, to := window()
	_, err := p.Spend(ctx, from, to, teams())
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, cfg := range []aws.Config{{}, {AccessKeyID: keyID}, {SecretAccessKey: secret}} {
		_, err := aws.New(cfg)
		require.ErrorContains(t, err, "is missing")
		require.NotContains(t, err.Error(), secret)
	}
}

func ExampleNew() {
	p, err := aws.New(aws.Config{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "kept elsewhere", Tag: "team"})
	fmt.Println(p.Name(), err)
	// Output: AWS <nil>
}
