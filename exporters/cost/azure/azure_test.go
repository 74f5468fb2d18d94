package azure_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/exporters/cost"
	"github.com/hackload-kz/hackload/exporters/cost/azure"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tenant, client = "22222222-2222-2222-2222-222222222222", "33333333-3333-3333-3333-333333333333"
	secret         = "s3cr3t~value~of~the~application"
	token          = "token-made-for-the-application"
	scope          = "subscriptions/00000000-0000-0000-0000-000000000000"
)

var (
	//go:embed testdata/page1.json
	page1 string
	//go:embed testdata/page2.json
	page2 string
)

// cloud is Azure behind a real TLS socket: the sign-in service and Cost
// Management. It answers with what answer returns for the page that is asked for.
type cloud struct {
	denied bool
	answer func(page string) (int, string)
	asked  []map[string]any
	paths  []string
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	base := "https://" + r.Host + "/" + tenant
	switch {
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		_ = json.NewEncoder(w).Encode(map[string]string{
			"issuer": base + "/v2.0", "authorization_endpoint": base + "/oauth2/v2.0/authorize", "token_endpoint": base + "/oauth2/v2.0/token",
		})
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		good := r.FormValue("grant_type") == "client_credentials" && r.FormValue("client_id") == client && r.FormValue("client_secret") == secret
		if !good || c.denied {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided: `+secret+`"}`)
			return
		}
		_, _ = io.WriteString(w, `{"token_type":"Bearer","expires_in":3599,"access_token":"`+token+`"}`)
	case r.Header.Get("Authorization") != "Bearer "+token:
		w.WriteHeader(http.StatusUnauthorized)
	default:
		question := map[string]any{}
		_ = json.NewDecoder(r.Body).Decode(&question)
		c.asked = append(c.asked, question)
		c.paths = append(c.paths, r.Method+" "+r.URL.String())
		code, body := c.answer(r.URL.Query().Get("$skiptoken"))
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func provider(t *testing.T, handler http.Handler) *azure.Provider {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	p, err := azure.New(azure.Config{
		TenantID: tenant, ClientID: client, ClientSecret: secret, Scope: "/" + scope + "/",
		Cloud: azure.Cloud{Authority: server.URL + "/", Manager: server.URL}, Transport: server.Client().Transport,
	})
	require.NoError(t, err)
	return p
}

func spend(ctx context.Context, p *azure.Provider) (map[contest.Slug][]cost.Amount, error) {
	from := time.Date(2025, 8, 15, 9, 0, 0, 0, time.UTC)
	return p.Spend(ctx, from, from.Add(60*time.Hour), []contest.Slug{"alem", "oyu", "team_1"})
}

func TestSpend(t *testing.T) {
	c := &cloud{answer: func(page string) (int, string) {
		return 200, map[string]string{"": page1, "AQAAAA==": page2}[page]
	}}
	p := provider(t, c)
	got, err := spend(t.Context(), p)
	require.NoError(t, err)
	slices.SortFunc(got["alem"], func(a, b cost.Amount) int { return strings.Compare(a.Currency, b.Currency) })
	require.Equal(t, map[contest.Slug][]cost.Amount{
		"alem":   {{Micros: 20_000_000, Currency: "EUR"}, {Micros: 2_000_000, Currency: "USD"}},
		"team_1": {{Micros: 1_250_000, Currency: "EUR"}},
	}, got)
	require.Equal(t, "Azure", p.Name())
	path := "POST /" + scope + "/providers/Microsoft.CostManagement/query?"
	require.Equal(t, []string{
		path + url.Values{"api-version": {"2021-10-01"}}.Encode(),
		path + url.Values{"api-version": {"2021-10-01"}, "$skiptoken": {"AQAAAA=="}}.Encode(), // not where the link points
	}, c.paths)
	want := map[string]any{
		"type": "ActualCost", "timeframe": "Custom",
		"timePeriod": map[string]any{"from": "2025-08-15T09:00:00Z", "to": "2025-08-17T21:00:00Z"},
		"dataset": map[string]any{
			"aggregation": map[string]any{"totalCost": map[string]any{"name": "Cost", "function": "Sum"}},
			"grouping":    []any{map[string]any{"type": "Tag", "name": "team"}},
		},
	}
	require.Equal(t, []map[string]any{want, want}, c.asked, "each page is the same question")
}

func TestSpendOfNothing(t *testing.T) {
	got, err := spend(t.Context(), provider(t, &cloud{answer: func(string) (int, string) { return 204, "" }}))
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestSpendFails(t *testing.T) {
	answer := func(columns, row string) string {
		return `{"properties":{"columns":[` + columns + `],"rows":[` + row + `]}}`
	}
	const columns = `{"name":"Cost"},{"name":"TagValue"},{"name":"Currency"}`
	rows := map[string]struct {
		code       int
		body, want string
	}{
		"denied":                  {403, `{"error":{"code":"AuthorizationFailed","message":"` + secret + `"}}`, "refused with AuthorizationFailed (status 403)"},
		"no such subscription":    {404, `{"error":{"code":"SubscriptionNotFound","message":"x"}}`, "refused with SubscriptionNotFound (status 404)"},
		"error is unreadable":     {400, `<html>` + secret, "refused with status 400"},
		"no JSON":                 {200, `<html>` + secret, "no readable answer came"},
		"a redirect":              {302, "", "refused with status 302"},
		"columns missing":         {200, answer(`{"name":"Cost"},{"name":"Currency"}`, `[1,"EUR"]`), "columns for cost, currency and tag are not all there"},
		"a null column":           {200, answer(`null,{"name":"Currency"}`, `[1,"EUR"]`), "columns for cost, currency and tag are not all there"},
		"short row":               {200, answer(columns, `[1,"alem"]`), "not as many cells"},
		"cost is text":            {200, answer(columns, `["1","alem","EUR"]`), "cost is no number"},
		"cost is null":            {200, answer(columns, `[null,"alem","EUR"]`), "cost is no number"},
		"cost is over all bounds": {200, answer(columns, `[1e300,"alem","EUR"]`), "cost is no number"},
		"currency is null":        {200, answer(columns, `[1,"alem",null]`), "no code of ISO 4217"},
		"link is no URL":          {200, `{"properties":{"columns":[` + columns + `],"nextLink":"https://x/%zz"}}`, "no URL"},
		"link without a token":    {200, `{"properties":{"columns":[` + columns + `],"nextLink":"https://x/query"}}`, "no $skiptoken"},
		"pages without end":       {200, `{"properties":{"columns":[` + columns + `],"nextLink":"https://x/query?$skiptoken=1"}}`, "over 100 pages"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			got, err := spend(t.Context(), provider(t, &cloud{answer: func(string) (int, string) { return row.code, row.body }}))
			require.ErrorContains(t, err, row.want)
			require.Nil(t, got, "never a part of a bill")
			harmless(t, err)
		})
	}
}

func harmless(t *testing.T, err error) {
	t.Helper()
	for _, hidden := range []string{secret, token, tenant, client} {
		require.NotContains(t, err.Error(), hidden)
	}
	require.Less(t, len(err.Error()), 200)
}

func TestSignInFails(t *testing.T) {
	_, err := spend(t.Context(), provider(t, &cloud{denied: true}))
	require.ErrorContains(t, err, "sign-in failed")
	harmless(t, err)
}

func TestSpendEndsWithItsContext(t *testing.T) {
	stop := make(chan struct{})
	handler := &cloud{answer: func(string) (int, string) { <-stop; return 200, "{}" }}
	p := provider(t, handler)
	defer close(stop)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := spend(ctx, p)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	harmless(t, err)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := azure.Config{TenantID: tenant, ClientID: client, ClientSecret: secret, Scope: scope}
	rows := map[string]func(*azure.Config){
		"is missing":       func(c *azure.Config) { c.ClientSecret = "" },
		"scope is missing": func(c *azure.Config) { c.Scope = "" },
		"or none":          func(c *azure.Config) { c.Scope = "subscriptions/../../x" },
		"cannot be used":   func(c *azure.Config) { c.TenantID = "a tenant/with a path" },
	}
	for want, spoil := range rows {
		cfg := good
		spoil(&cfg)
		_, err := azure.New(cfg)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), secret)
	}
	_, err := azure.New(good)
	require.NoError(t, err)
}

func ExampleNew() {
	p, err := azure.New(azure.Config{
		TenantID: "contoso.onmicrosoft.com", ClientID: "an application's id", ClientSecret: "kept elsewhere",
		Scope: "subscriptions/00000000-0000-0000-0000-000000000000",
	})
	fmt.Println(p.Name(), err)
	// Output: Azure <nil>
}
