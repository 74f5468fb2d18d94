package gcp_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/exporters/cost"
	"github.com/hackload-kz/hackload/exporters/cost/gcp"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account = "billing-reader@contest-billing.iam.gserviceaccount.com"
	table   = "contest-billing.billing.gcp_billing_export_v1_0123AB"
)

var (
	//go:embed testdata/query.json
	started string
	//go:embed testdata/page1.json
	page1 string
	//go:embed testdata/page2.json
	page2 string

	key = sync.OnceValue(func() []byte {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			panic(err)
		}
		doc, _ := json.Marshal(map[string]string{
			"type": "service_account", "project_id": "contest-billing", "client_email": account, "private_key_id": "k1",
			"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
			"token_uri":   "http://127.0.0.1:1/nobody-is-asked-for-tokens",
		})
		return doc
	})
)

// store is BigQuery behind a real socket.
type store struct {
	answers []string // one after the other; the last for all that follow
	code    int
	asked   []string
	query   map[string]any
	claims  map[string]any
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if parts := strings.Split(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), "."); len(parts) == 3 {
		claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(claims, &s.claims)
	}
	if r.Method == http.MethodPost {
		_ = json.NewDecoder(r.Body).Decode(&s.query)
	}
	query := r.URL.Query()
	for _, noise := range []string{"alt", "prettyPrint"} {
		query.Del(noise)
	}
	s.asked = append(s.asked, r.Method+" "+r.URL.Path+"?"+query.Encode())
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(max(s.code, 200))
	_, _ = io.WriteString(w, s.answers[min(len(s.asked), len(s.answers))-1])
}

func provider(t *testing.T, handler http.Handler) *gcp.Provider {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Cleanup(http.DefaultTransport.(*http.Transport).CloseIdleConnections)
	p, err := gcp.New(gcp.Config{Key: key(), Table: table, Endpoint: server.URL})
	require.NoError(t, err)
	return p
}

func spend(ctx context.Context, p *gcp.Provider) (map[contest.Slug][]cost.Amount, error) {
	from := time.Date(2025, 8, 15, 9, 0, 0, 0, time.UTC)
	return p.Spend(ctx, from, from.Add(60*time.Hour), []contest.Slug{"alem", "Team_1", "oyu"})
}

func TestSpend(t *testing.T) {
	s := &store{answers: []string{started, started, page1, page2}}
	p := provider(t, s)
	got, err := spend(t.Context(), p)
	require.NoError(t, err)
	slices.SortFunc(got["alem"], func(a, b cost.Amount) int { return strings.Compare(a.Currency, b.Currency) })
	require.Equal(t, map[contest.Slug][]cost.Amount{
		"alem":   {{Micros: 12_500_123_457, Currency: "KZT"}, {Currency: "USD"}},
		"Team_1": {{Currency: "KZT"}}, // labels have small letters only
	}, got)
	require.Equal(t, "Google Cloud", p.Name())

	results := "GET /projects/contest-billing/queries/job_aBc-123?location=EU&maxResults=10000"
	require.Equal(t, []string{
		"POST /projects/contest-billing/queries?", results + "&timeoutMs=10000", results + "&timeoutMs=10000",
		results + "&pageToken=BFSecond&timeoutMs=10000",
	}, s.asked)
	require.Equal(t, account, s.claims["iss"])
	require.Equal(t, "https://www.googleapis.com/auth/bigquery", s.claims["scope"])
	require.Equal(t, false, s.query["useLegacySql"])
	require.Equal(t, "21474836480", s.query["maximumBytesBilled"])
	require.Contains(t, s.query["query"], "FROM `"+table+"`, UNNEST(labels)")
	values := map[string]any{}
	for _, p := range s.query["queryParameters"].([]any) {
		p := p.(map[string]any)
		values[p["name"].(string)] = p["parameterValue"].(map[string]any)["value"]
	}
	require.Equal(t, map[string]any{"label": "team", "from": "2025-08-15T09:00:00Z", "to": "2025-08-17T21:00:00Z"}, values)
}

func TestSpendFails(t *testing.T) {
	const hidden = "ya29.something-secret"
	answer := func(cells string) string { return `{"jobComplete":true,"rows":[{"f":[` + cells + `]}]}` }
	rows := map[string]struct {
		code       int
		body, want string
	}{
		"denied":              {403, `{"error":{"code":403,"message":"` + hidden + `","errors":[{"reason":"accessDenied","message":"` + hidden + `"}]}}`, "refused with status 403 (accessDenied)"},
		"no such table":       {404, `{"error":{"code":404,"errors":[{"reason":"notFound"}]}}`, "refused with status 404 (notFound)"},
		"reads too much":      {400, `{"error":{"code":400,"errors":[{"reason":"bytesBilledLimitExceeded"}]}}`, "bytesBilledLimitExceeded"},
		"error is unreadable": {400, `<html>` + hidden, "refused with status 400 (Bad Request)"},
		"odd reason":          {499, `{"error":{"code":499,"errors":[{"reason":"` + hidden + `<"}]}}`, "refused with status 499 (unknown)"},
		"no JSON":             {200, `<html>` + hidden, "no readable answer came"},
		"a redirect":          {302, "", "refused with status 302"},
		"two cells":           {200, answer(`{"v":"alem"},{"v":"KZT"}`), "three cells"},
		"a null row":          {200, `{"jobComplete":true,"rows":[null]}`, "three cells"},
		"a null cell":         {200, answer(`{"v":"alem"},{"v":"KZT"},null`), "cost is no number"},
		"cost is a number":    {200, answer(`{"v":"alem"},{"v":"KZT"},{"v":1}`), "cost is no number"},
		"cost is null":        {200, answer(`{"v":"alem"},{"v":"KZT"},{"v":null}`), "cost is no number"},
		"currency is null":    {200, answer(`{"v":"alem"},{"v":null},{"v":"1"}`), "no code of ISO 4217"},
		"job without an id":   {200, `{"jobComplete":false}`, "the job has no id"},
		"never done":          {200, started, "over 100 pages"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			got, err := spend(t.Context(), provider(t, &store{code: row.code, answers: []string{row.body}}))
			require.ErrorContains(t, err, row.want)
			require.Nil(t, got, "never a part of a bill")
			require.NotContains(t, err.Error(), hidden)
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
	_, err := spend(ctx, p)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	rows := map[string]gcp.Config{
		"no service account's key":  {Key: []byte(`{"type":"authorized_user","project_id":"x","refresh_token":"hunter2"}`), Table: table},
		"key file in JSON":          {Key: []byte(`hunter2`), Table: table},
		"private key":               {Key: []byte(`{"type":"service_account","project_id":"x","private_key":"hunter2"}`), Table: table},
		"table is missing":          {Key: key()},
		"or none":                   {Key: key(), Table: "p.d.t` UNION ALL SELECT 1 --"},
		"want one like project.dat": {Key: key(), Table: "dataset.table"},
		"gcp: the table is missing": {Key: key(), Table: table + strings.Repeat("x", 500)},
	}
	for want, cfg := range rows {
		_, err := gcp.New(cfg)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func ExampleNew() {
	p, err := gcp.New(gcp.Config{Key: key(), Table: "contest-billing.billing.gcp_billing_export_v1_0123AB"})
	fmt.Println(p.Name(), err)
	// Output: Google Cloud <nil>
}
