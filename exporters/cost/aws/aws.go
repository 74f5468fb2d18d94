// Package aws reads what Amazon Web Services charges for each team, from Cost
// Explorer.
//
// In: an access key and the key of the tag whose value is a team's slug. Out:
// unblended costs, refunds and credits taken off, per team and currency. The tag
// must be active as a cost allocation tag, and the key's owner may call
// ce:GetCostAndUsage. Cost Explorer counts whole days in UTC, is a day behind,
// and charges one US cent for each page of an answer.
//
// A failure gives no amounts at all: a part of a bill would look like a cheap
// team. Errors hold the error's code and nothing else of what AWS said.
package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/costexplorer"
	"github.com/aws/aws-sdk-go-v2/service/costexplorer/types"
	"github.com/aws/smithy-go"

	"github.com/hackload-kz/hackload/exporters/cost"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	metric   = "UnblendedCost"
	maxPages = 100 // of one answer
	attempts = 3   // at each page
)

// Config is what the provider needs. All but Tag and Endpoint is required.
type Config struct {
	AccessKeyID     string
	SecretAccessKey string
	Tag             string        // key of the tag that holds a team's slug; "team" when empty
	Endpoint        string        // of Cost Explorer; the public one when empty
	Timeout         time.Duration // of one request; 30 s when zero
}

// Provider asks Cost Explorer.
type Provider struct {
	client *costexplorer.Client
	tag    string
}

var _ cost.Provider = (*Provider)(nil)

// New returns a provider; it calls nobody.
func New(cfg Config) (*Provider, error) {
	if cfg.AccessKeyID == "" || cfg.SecretAccessKey == "" {
		return nil, errors.New("aws: the access key's id or its secret is missing")
	}
	options := costexplorer.Options{
		Region:           "us-east-1", // Cost Explorer has this one for all
		Credentials:      awssdk.NewCredentialsCache(credentials.NewStaticCredentialsProvider(cfg.AccessKeyID, cfg.SecretAccessKey, "")),
		HTTPClient:       cost.Client(nil, cmp.Or(cfg.Timeout, 30*time.Second)),
		RetryMaxAttempts: attempts,
	}
	if cfg.Endpoint != "" {
		options.BaseEndpoint = &cfg.Endpoint
	}
	return &Provider{client: costexplorer.New(options), tag: cmp.Or(cfg.Tag, "team")}, nil
}

// Name implements cost.Provider.
func (p *Provider) Name() string { return "AWS" }

// Spend implements cost.Provider.
func (p *Provider) Spend(ctx context.Context, from, to time.Time, teams []contest.Slug) (map[contest.Slug][]cost.Amount, error) {
	const day = 24 * time.Hour
	start, end := from.UTC().Truncate(day), to.UTC().Truncate(day)
	if end.Before(to) { // the end does not count itself
		end = end.Add(day)
	}
	input := &costexplorer.GetCostAndUsageInput{
		Granularity: types.GranularityMonthly, // fewest rows; part of a month is counted as such
		Metrics:     []string{metric},
		TimePeriod:  &types.DateInterval{Start: awssdk.String(start.Format(time.DateOnly)), End: awssdk.String(end.Format(time.DateOnly))},
		GroupBy:     []types.GroupDefinition{{Type: types.GroupDefinitionTypeTag, Key: &p.tag}},
	}
	tally := cost.NewTally(teams)
	for range maxPages {
		page, err := p.client.GetCostAndUsage(ctx, input)
		if err != nil {
			return nil, fmt.Errorf("get cost and usage: %w", clean(err))
		}
		if err := p.add(tally, page.ResultsByTime); err != nil {
			return nil, fmt.Errorf("read cost and usage: %w", err)
		}
		if awssdk.ToString(page.NextPageToken) == "" {
			return tally.Amounts()
		}
		input.NextPageToken = page.NextPageToken
	}
	return nil, fmt.Errorf("get cost and usage: the answer has over %d pages", maxPages)
}

// add counts the rows of one page. A group's only key is "tag$value".
func (p *Provider) add(tally *cost.Tally, results []types.ResultByTime) error {
	for _, period := range results {
		for _, group := range period.Groups {
			spent, ok := group.Metrics[metric]
			if len(group.Keys) != 1 || !ok {
				return errors.New("a row has no tag or no cost")
			}
			tag, ours := strings.CutPrefix(group.Keys[0], p.tag+"$")
			if !ours {
				return errors.New("a row is of another tag than was asked for")
			}
			if err := tally.Add(tag, awssdk.ToString(spent.Unit), awssdk.ToString(spent.Amount)); err != nil {
				return err
			}
		}
	}
	return nil
}

const maxCode = 80 // bytes

var codePattern = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// clean keeps of an error what has no secret: a message of AWS may quote the
// key's id and what was signed.
func clean(err error) error {
	for _, ended := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, ended) {
			return ended
		}
	}
	var answered smithy.APIError
	if !errors.As(err, &answered) {
		return errors.New("no readable answer came")
	}
	if code := answered.ErrorCode(); len(code) > maxCode || !codePattern.MatchString(code) {
		return errors.New("refused with an unreadable error")
	}
	return fmt.Errorf("refused with %s", answered.ErrorCode())
}
