package main

import (
	"context"
	"errors"
	"time"

	"github.com/hackload-kz/hackload/exporters/cost"
	"github.com/hackload-kz/hackload/exporters/cost/aws"
	"github.com/hackload-kz/hackload/exporters/cost/azure"
	"github.com/hackload-kz/hackload/exporters/cost/gcp"
	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// costExporter counts what people wrote down, what clouds charge, and what
// namespaces use where there is a Prometheus outside that may know.
func (w *works) costExporter(rules config.Criterion) (*cost.Exporter, error) {
	c := w.config.Cost
	bills, err := providers(c)
	if err != nil {
		return nil, usage(err, "Set what the provider needs, or cost's enabled to false; 'hackload check' tells more.")
	}
	x := cost.Config{
		Rules:     cost.Rules{Rule: rules.Rule, Points: rules.Points, Currency: c.Currency},
		Providers: bills, Namespace: c.Namespace, Timeout: min(costTime, w.config.Services[contest.CostTracking].Timeout.D()),
		From: w.config.Contest.StartsAt, To: w.config.Contest.EndsAt,
		Link: func(t contest.Team) string { return teamPage(w.config, t) },
	}
	if w.store != nil {
		x.Entries = spendBook{w}.entries
	}
	if w.prom != nil && w.metrics == nil && c.Namespace != "" {
		x.Query = w.prom.Query
	}
	return cost.New(x)
}

// costTime is for one source of spends: a round of all teams takes ten seconds
// at most, and what does not answer by then is a finding.
const costTime = 8 * time.Second

// providers are the clouds whose bills are read.
func providers(c config.Cost) (all []cost.Provider, err error) {
	add := func(p cost.Provider, failed error) {
		all, err = append(all, p), errors.Join(err, failed)
	}
	if a := c.AWS; a.Enabled {
		add(aws.New(aws.Config{
			AccessKeyID: a.AccessKeyID.Reveal(), SecretAccessKey: a.SecretAccessKey.Reveal(), Tag: c.TagKey, Endpoint: a.Endpoint,
		}))
	}
	if a := c.Azure; a.Enabled {
		add(azure.New(azure.Config{
			ClientID: a.ClientID.Reveal(), ClientSecret: a.ClientSecret.Reveal(), TenantID: a.TenantID.Reveal(),
			Scope: a.Scope, Tag: c.TagKey, Cloud: azure.Cloud{Authority: a.Authority, Manager: a.Manager},
		}))
	}
	if g := c.GCP; g.Enabled {
		add(gcp.New(gcp.Config{Key: []byte(g.ServiceAccountKey.Reveal()), Table: g.Table, Label: c.TagKey, Endpoint: g.Endpoint}))
	}
	return all, err
}

// present asks the metric store for values of now; nil where there is none.
func (w *works) present() func(ctx context.Context, promql string) ([]contest.Sample, error) {
	if w.prom == nil {
		return nil
	}
	return func(ctx context.Context, promql string) ([]contest.Sample, error) {
		if w.instruments != nil {
			w.instruments.PrometheusQuery()
		}
		return w.prom.Query(ctx, promql, time.Now())
	}
}
