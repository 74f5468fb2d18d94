// Package azure reads what Microsoft Azure charges for each team, from Cost
// Management.
//
// In: an application's id, secret and tenant, the scope to look at (a
// subscription, usually) and the key of the tag whose value is a team's slug.
// Out: actual costs per team and currency. The application needs the role Cost
// Management Reader on the scope. Cost Management is up to a day behind.
//
// A failure gives no amounts at all: a part of a bill would look like a cheap
// team. Errors hold the error's code and nothing else of what Azure said.
package azure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/costmanagement/armcostmanagement"

	"github.com/hackload-kz/hackload/exporters/cost"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const maxPages = 100 // of one answer

// Config is what the provider needs. All but the last four is required.
type Config struct {
	ClientID     string
	ClientSecret string
	TenantID     string
	Scope        string // "subscriptions/<id>", or another scope of Cost Management

	Tag       string            // key of the tag that holds a team's slug; "team" when empty
	Cloud     Cloud             // the public one when zero
	Timeout   time.Duration     // of one request; 30 s when zero
	Transport http.RoundTripper // the standard one when nil
}

// Cloud is where Azure is, for one of the national clouds.
type Cloud struct {
	Authority string // https://login.microsoftonline.com/
	Manager   string // https://management.azure.com
}

// Provider asks Cost Management.
type Provider struct {
	client *armcostmanagement.QueryClient
	scope  string
	tag    string
}

var _ cost.Provider = (*Provider)(nil)

// New returns a provider; it calls nobody.
func New(cfg Config) (*Provider, error) {
	if cfg.ClientID == "" || cfg.ClientSecret == "" || cfg.TenantID == "" {
		return nil, errors.New("azure: the client's id, its secret or the tenant is missing")
	}
	scope := strings.Trim(cfg.Scope, "/")
	if !scopePattern.MatchString(scope) {
		return nil, errors.New("azure: the scope is missing or none: want one like subscriptions/<id>")
	}
	options := policy.ClientOptions{
		Cloud:           cfg.Cloud.configuration(),
		Transport:       cost.Client(cfg.Transport, cmp.Or(cfg.Timeout, 30*time.Second)),
		PerCallPolicies: []policy.Policy{paging{}},
		Retry:           policy.RetryOptions{MaxRetries: 2, RetryDelay: time.Second},
		Telemetry:       policy.TelemetryOptions{Disabled: true},
	}
	credential, err := azidentity.NewClientSecretCredential(cfg.TenantID, cfg.ClientID, cfg.ClientSecret, &azidentity.ClientSecretCredentialOptions{
		ClientOptions:            options,
		DisableInstanceDiscovery: cfg.Cloud.Authority != "", // a cloud of one's own is not in Microsoft's list
	})
	if err != nil {
		return nil, errors.New("azure: the client's id, its secret or the tenant cannot be used")
	}
	client, err := armcostmanagement.NewQueryClient(credential, &arm.ClientOptions{ClientOptions: options, DisableRPRegistration: true})
	if err != nil {
		return nil, errors.New("azure: the cloud has no usable address")
	}
	return &Provider{client: client, scope: scope, tag: cmp.Or(cfg.Tag, "team")}, nil
}

var scopePattern = regexp.MustCompile(`^(subscriptions|providers)(/[A-Za-z0-9][A-Za-z0-9._:()-]*)+$`)

func (c Cloud) configuration() cloud.Configuration {
	public := cloud.AzurePublic
	if c == (Cloud{}) {
		return public
	}
	return cloud.Configuration{
		ActiveDirectoryAuthorityHost: cmp.Or(c.Authority, public.ActiveDirectoryAuthorityHost),
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {
				Audience: cmp.Or(c.Manager, public.Services[cloud.ResourceManager].Audience),
				Endpoint: cmp.Or(c.Manager, public.Services[cloud.ResourceManager].Endpoint),
			},
		},
	}
}

// Name implements cost.Provider.
func (p *Provider) Name() string { return "Azure" }

// Spend implements cost.Provider.
func (p *Provider) Spend(ctx context.Context, from, until time.Time, teams []contest.Slug) (map[contest.Slug][]cost.Amount, error) {
	question := armcostmanagement.QueryDefinition{
		Type:       to.Ptr(armcostmanagement.ExportTypeActualCost),
		Timeframe:  to.Ptr(armcostmanagement.TimeframeTypeCustom),
		TimePeriod: &armcostmanagement.QueryTimePeriod{From: to.Ptr(from.UTC()), To: to.Ptr(until.UTC())},
		Dataset: &armcostmanagement.QueryDataset{
			Aggregation: map[string]*armcostmanagement.QueryAggregation{
				"totalCost": {Name: to.Ptr("Cost"), Function: to.Ptr(armcostmanagement.FunctionTypeSum)},
			},
			Grouping: []*armcostmanagement.QueryGrouping{{Type: to.Ptr(armcostmanagement.QueryColumnTypeTag), Name: &p.tag}},
		},
	}
	tally := cost.NewTally(teams)
	for range maxPages {
		page, err := p.client.Usage(ctx, p.scope, question, nil)
		if err != nil {
			return nil, fmt.Errorf("query costs: %w", clean(err))
		}
		if page.Properties == nil {
			return tally.Amounts() // 204: nothing was charged
		}
		if err := p.add(tally, page.Properties); err != nil {
			return nil, fmt.Errorf("read costs: %w", err)
		}
		if page.Properties.NextLink == nil || *page.Properties.NextLink == "" {
			return tally.Amounts()
		}
		if ctx, err = withPage(ctx, *page.Properties.NextLink); err != nil {
			return nil, fmt.Errorf("query costs: %w", err)
		}
	}
	return nil, fmt.Errorf("query costs: the answer has over %d pages", maxPages)
}

// add counts the rows of one page. Columns come in any order.
func (p *Provider) add(tally *cost.Tally, page *armcostmanagement.QueryProperties) error {
	money, code, tag := column(page, "Cost", "PreTaxCost", "totalCost"), column(page, "Currency"), column(page, "TagValue", p.tag)
	if money < 0 || code < 0 || tag < 0 {
		return errors.New("the columns for cost, currency and tag are not all there")
	}
	for _, row := range page.Rows {
		if len(row) != len(page.Columns) {
			return errors.New("a row has not as many cells as there are columns")
		}
		value, ok := row[money].(float64)
		if !ok {
			return errors.New("a row's cost is no number")
		}
		unit, _ := row[code].(string)
		slug, _ := row[tag].(string) // null: what has no such tag
		if err := tally.Add(slug, unit, strconv.FormatFloat(value, 'f', -1, 64)); err != nil {
			return err
		}
	}
	return nil
}

// column returns the place of the first column with one of the names.
func column(page *armcostmanagement.QueryProperties, names ...string) int {
	for _, name := range names {
		for i, c := range page.Columns {
			if c != nil && c.Name != nil && strings.EqualFold(*c.Name, name) {
				return i
			}
		}
	}
	return -1
}

type pageKey struct{}

// withPage asks for the page that link leads to. The link itself is not
// followed: the token would go wherever it points.
func withPage(ctx context.Context, link string) (context.Context, error) {
	u, err := url.Parse(link)
	if err != nil {
		return ctx, errors.New("the link to the next page is no URL")
	}
	mark := u.Query().Get("$skiptoken")
	if mark == "" {
		return ctx, errors.New("the link to the next page has no $skiptoken")
	}
	return context.WithValue(ctx, pageKey{}, mark), nil
}

// paging adds the page that is asked for to a query.
type paging struct{}

// Do implements policy.Policy.
func (paging) Do(r *policy.Request) (*http.Response, error) {
	if mark, ok := r.Raw().Context().Value(pageKey{}).(string); ok && strings.HasSuffix(r.Raw().URL.Path, "/query") {
		query := r.Raw().URL.Query()
		query.Set("$skiptoken", mark)
		r.Raw().URL.RawQuery = query.Encode()
	}
	return r.Next()
}

const maxCode = 80 // bytes

var codePattern = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// clean keeps of an error what has no secret: answers of the sign-in are quoted
// whole by the library.
func clean(err error) error {
	for _, ended := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, ended) {
			return ended
		}
	}
	var denied *azidentity.AuthenticationFailedError
	if errors.As(err, &denied) {
		return errors.New("sign-in failed: the client's id, its secret or the tenant is wrong, or the sign-in service does not answer")
	}
	var answered *azcore.ResponseError
	if !errors.As(err, &answered) {
		return errors.New("no readable answer came")
	}
	if len(answered.ErrorCode) > maxCode || !codePattern.MatchString(answered.ErrorCode) {
		return fmt.Errorf("refused with status %d", answered.StatusCode)
	}
	return fmt.Errorf("refused with %s (status %d)", answered.ErrorCode, answered.StatusCode)
}
