// Package gcp reads what Google Cloud charges for each team, from the standard
// usage cost export of Cloud Billing in BigQuery.
//
// In: a service account's key, the export's table and the key of the label whose
// value is a team's slug (labels have small letters only). Out: costs with
// credits taken off, per team and currency. The account may run jobs in its
// project (BigQuery Job User) and read the table (BigQuery Data Viewer). The
// export is some hours behind; a query reads at most [MaxBytes] of it.
//
// A failure gives no amounts at all: a part of a bill would look like a cheap
// team. Errors hold the error's reason and nothing else of what Google said.
package gcp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/api/bigquery/v2"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/hackload-kz/hackload/exporters/cost"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// MaxBytes is the most that one query may read: BigQuery charges by it, and
// refuses a query that would need more.
const MaxBytes = 20 << 30

const (
	maxPages = 100 // of one answer, and most polls for it
	pageRows = 10_000
	pollFor  = 10 * time.Second // how long one request waits for the job
)

// Config is what the provider needs. Key and Table are required.
type Config struct {
	Key      []byte        // the service account's key file, JSON
	Table    string        // project.dataset.gcp_billing_export_v1_XXXXXX
	Label    string        // key of the label that holds a team's slug; "team" when empty
	Endpoint string        // of BigQuery; the public one when empty
	Timeout  time.Duration // of one request; 30 s when zero
}

// Provider asks BigQuery.
type Provider struct {
	service *bigquery.Service
	project string
	table   string
	label   string
}

var _ cost.Provider = (*Provider)(nil)

// Both in bytes.
const (
	maxTable  = 500
	maxReason = 80
)

var (
	tablePattern  = regexp.MustCompile(`^[a-z0-9.:-]+\.[A-Za-z0-9_]+\.[A-Za-z0-9_-]+$`)
	reasonPattern = regexp.MustCompile(`^[A-Za-z0-9]+$`)
)

// New returns a provider; it calls nobody.
func New(cfg Config) (*Provider, error) {
	var key struct {
		Type    string `json:"type"`
		Project string `json:"project_id"`
	}
	if json.Unmarshal(cfg.Key, &key) != nil || key.Type != "service_account" || key.Project == "" {
		return nil, errors.New("gcp: the key is no service account's key file in JSON")
	}
	if len(cfg.Table) > maxTable || !tablePattern.MatchString(cfg.Table) {
		return nil, errors.New("gcp: the table is missing or none: want one like project.dataset.gcp_billing_export_v1_0123AB")
	}
	// The account signs its own tokens, so no key or token goes anywhere but to
	// BigQuery, wherever the key file's token_uri points.
	tokens, err := google.JWTAccessTokenSourceWithScope(cfg.Key, bigquery.BigqueryScope)
	if err != nil {
		return nil, errors.New("gcp: the private key in the key file is not readable")
	}
	client := cost.Client(nil, cmp.Or(cfg.Timeout, 30*time.Second))
	client.Transport = &oauth2.Transport{Source: tokens, Base: client.Transport}
	options := []option.ClientOption{option.WithHTTPClient(client), option.WithTelemetryDisabled()}
	if cfg.Endpoint != "" {
		options = append(options, option.WithEndpoint(cfg.Endpoint))
	}
	service, err := bigquery.NewService(context.Background(), options...)
	if err != nil {
		return nil, errors.New("gcp: BigQuery's client cannot be made")
	}
	return &Provider{service: service, project: key.Project, table: cfg.Table, label: cmp.Or(cfg.Label, "team")}, nil
}

// Name implements cost.Provider.
func (p *Provider) Name() string { return "Google Cloud" }

// Spend implements cost.Provider.
func (p *Provider) Spend(ctx context.Context, from, to time.Time, teams []contest.Slug) (map[contest.Slug][]cost.Amount, error) {
	first, err := p.service.Jobs.Query(p.project, p.question(from, to)).Context(ctx).Do()
	if err != nil {
		return nil, fmt.Errorf("query billing export: %w", clean(err))
	}
	tally := cost.NewTally(teams)
	answer := page{done: first.JobComplete, rows: first.Rows, next: first.PageToken}
	for range maxPages {
		if answer.done {
			if err := add(tally, answer.rows); err != nil {
				return nil, fmt.Errorf("read billing export: %w", err)
			}
			if answer.next == "" {
				return tally.Amounts()
			}
		}
		if answer, err = p.more(ctx, first.JobReference, answer.next); err != nil {
			return nil, fmt.Errorf("read billing export: %w", err)
		}
	}
	return nil, fmt.Errorf("read billing export: the answer has over %d pages", maxPages)
}

// question sums in BigQuery's exact decimals; a float could add noise.
func (p *Provider) question(from, to time.Time) *bigquery.QueryRequest {
	const query = "SELECT label.value, currency, CAST(SUM(CAST(cost AS NUMERIC) + IFNULL(" +
		"(SELECT SUM(CAST(credit.amount AS NUMERIC)) FROM UNNEST(credits) AS credit), 0)) AS STRING) " +
		"FROM `%s`, UNNEST(labels) AS label " +
		"WHERE label.key = @label AND usage_start_time >= @from AND usage_start_time < @to " +
		"GROUP BY 1, 2 ORDER BY 1, 2"
	legacy := false
	return &bigquery.QueryRequest{
		Query: fmt.Sprintf(query, p.table), UseLegacySql: &legacy, ParameterMode: "NAMED",
		QueryParameters: []*bigquery.QueryParameter{
			parameter("label", "STRING", p.label),
			parameter("from", "TIMESTAMP", from.UTC().Format(time.RFC3339)),
			parameter("to", "TIMESTAMP", to.UTC().Format(time.RFC3339)),
		},
		MaximumBytesBilled: MaxBytes, MaxResults: pageRows, TimeoutMs: pollFor.Milliseconds(),
	}
}

func parameter(name, kind, value string) *bigquery.QueryParameter {
	return &bigquery.QueryParameter{
		Name: name, ParameterType: &bigquery.QueryParameterType{Type: kind}, ParameterValue: &bigquery.QueryParameterValue{Value: value},
	}
}

// page is a part of the answer, or the news that there is none yet.
type page struct {
	done bool
	rows []*bigquery.TableRow
	next string
}

// more waits for the job, or for its next page.
func (p *Provider) more(ctx context.Context, job *bigquery.JobReference, token string) (page, error) {
	if job == nil || job.JobId == "" {
		return page{}, errors.New("the job has no id")
	}
	call := p.service.Jobs.GetQueryResults(p.project, job.JobId).Location(job.Location).MaxResults(pageRows).TimeoutMs(pollFor.Milliseconds())
	if token != "" {
		call = call.PageToken(token)
	}
	got, err := call.Context(ctx).Do()
	if err != nil {
		return page{}, clean(err)
	}
	return page{done: got.JobComplete, rows: got.Rows, next: got.PageToken}, nil
}

// add counts the rows of one page: label, currency, cost.
func add(tally *cost.Tally, rows []*bigquery.TableRow) error {
	for _, row := range rows {
		if row == nil || len(row.F) != 3 {
			return errors.New("a row has not the three cells that were asked for")
		}
		var cells [3]string
		for i, cell := range row.F {
			if cell != nil {
				cells[i], _ = cell.V.(string)
			}
		}
		if err := tally.Add(cells[0], cells[1], cells[2]); err != nil {
			return err
		}
	}
	return nil
}

// clean keeps of an error what has no secret.
func clean(err error) error {
	for _, ended := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, ended) {
			return ended
		}
	}
	var answered *googleapi.Error
	if !errors.As(err, &answered) {
		return errors.New("no readable answer came")
	}
	reason := http.StatusText(answered.Code)
	if len(answered.Errors) > 0 {
		if told := answered.Errors[0].Reason; len(told) <= maxReason && reasonPattern.MatchString(told) {
			reason = told
		}
	}
	return fmt.Errorf("refused with status %d (%s)", answered.Code, cmp.Or(reason, "unknown"))
}
