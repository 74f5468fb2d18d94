package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
	"github.com/hackload-kz/hackload/orchestrator/metricstore"
	"github.com/hackload-kz/hackload/orchestrator/observe"
	"github.com/hackload-kz/hackload/orchestrator/outbox"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// writers lets each launch write its own series and no other's. The token of a
// launch is derived from a secret of the state directory and its testid, so a
// restarted process admits the launches that go on without having stored any.
type writers struct {
	url     string
	secret  []byte
	metrics *metricstore.Store // nil with a Prometheus outside
	outside string             // its bearer token
	log     *slog.Logger
}

func (w *works) writers() (*writers, error) {
	if w.metrics == nil {
		url, err := writeURL(w.config)
		return &writers{url: url, outside: w.config.Prometheus.Token.Reveal()}, err
	}
	secret, err := stateSecret(filepath.Join(w.config.State.Dir, "write.key"))
	if err != nil {
		return nil, err
	}
	url := w.metrics.WriteURL()
	if w.cluster != nil && w.config.Metrics.URL != "" {
		url = strings.TrimRight(w.config.Metrics.URL, "/") + "/api/v1/write"
	}
	return &writers{url: url, secret: secret, metrics: w.metrics, log: w.log}, nil
}

// stateSecret reads the secret in path, making it the first time.
func stateSecret(path string) ([]byte, error) {
	secret, err := os.ReadFile(path)
	if err == nil && len(secret) == sha256.Size {
		return secret, nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read write key: %w", err)
	}
	secret = make([]byte, sha256.Size)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("make write key: %w", err)
	}
	if err := os.WriteFile(path, secret, 0o600); err != nil {
		return nil, fmt.Errorf("keep write key: %w", err)
	}
	return secret, nil
}

// Admit lets a launch write and returns where and with which token.
func (w *writers) Admit(id contest.TestID) (url, token string) {
	if w.metrics == nil {
		return w.url, w.outside
	}
	mac := hmac.New(sha256.New, w.secret)
	mac.Write([]byte(id))
	token = hex.EncodeToString(mac.Sum(nil))
	if err := w.metrics.Authorise(id, token); err != nil {
		// The launch will be refused and its run found invalid, with this reason.
		w.log.Error("launch cannot be admitted to the metric store", "testid", id, "error", err)
	}
	return w.url, token
}

// Dismiss makes the launch's token worthless.
func (w *writers) Dismiss(id contest.TestID) {
	if w.metrics != nil {
		w.metrics.Revoke(id)
	}
}

// outboxRows is the outbox as the flusher sees it.
type outboxRows struct{ *works }

// Settle writes all receipts in one transaction.
func (o outboxRows) Settle(ctx context.Context, receipts []outbox.Receipt) error {
	return o.store.Write(ctx, func(tx *store.Tx) error {
		for _, r := range receipts {
			if err := tx.SettleUpdate(ctx, store.Settlement(r)); err != nil {
				return err
			}
		}
		return nil
	})
}

// observer turns what the line does into metrics, and wakes the flusher.
type observer struct{ *works }

// RunJudged counts a judged run and has it marked.
func (o observer) RunJudged(r contest.Run) {
	observe.RunJudged(o.tracing.Into(context.Background()), r)
	if s, err := contest.FindService(string(r.Service)); err == nil {
		o.instruments.RunJudged(s, r.Outcome)
	}
	o.marks.add(r)
}

// RoundEnded counts a finished round.
func (o observer) RoundEnded(r contest.Round) {
	observe.RoundEnded(o.tracing.Into(context.Background()), r)
	if s, err := contest.FindService(string(r.Service)); err == nil && r.EndedAt != nil {
		if !r.Rerun { // it is no firing of the service
			o.instruments.JobDone(s, web.JobSucceeded, r.EndedAt.Sub(r.StartedAt))
		}
		o.instruments.TeamsProcessed(s, r.Teams)
	}
}

// UpdateQueued wakes the flusher.
func (o observer) UpdateQueued() {
	if o.flusher != nil {
		o.flusher.Wake()
	}
}

// tellHub sends updates in a span that leads to the rounds that they came from.
func (w *works) tellHub(ctx context.Context, updates []contest.Update) (answers []error, err error) {
	var rounds []contest.RoundID
	if observe.Traced(ctx) {
		if rounds, err = w.store.RoundsBehind(ctx, updates); err != nil {
			w.log.WarnContext(ctx, "the trace of a flush leads to no round", "error", err)
		}
	}
	ctx, done := observe.Apart(ctx, "outbox flush", rounds)
	answers, err = w.hub.Send(ctx, updates)
	done(err)
	return answers, err
}

// countedTransport counts the Hub's answers by status code.
type countedTransport struct {
	under http.RoundTripper
	count func(code int)
}

// RoundTrip passes the request on.
func (t countedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	_, done := observe.Start(r.Context(), "hub request")
	resp, err := t.under.RoundTrip(r)
	done(err)
	if err != nil {
		t.count(0)
		return nil, err
	}
	t.count(resp.StatusCode)
	return resp, nil
}

const (
	metaCeiling = "ceiling" // the last calibration, as JSON
	ceilingAge  = 24 * time.Hour
)

// ceiling returns what one generator can do on this machine: as it was measured
// within the last day, or measured now, before anything else runs.
func (w *works) ceiling(ctx context.Context) (*contest.Calibration, error) {
	if w.cluster != nil {
		return nil, nil // this machine says nothing of the cluster's
	}
	last, err := w.store.Meta(ctx, metaCeiling)
	if err != nil {
		return nil, err
	}
	var c contest.Calibration
	if json.Unmarshal([]byte(last), &c) == nil && time.Since(c.At) < ceilingAge && c.CPUs == launch.CPUs() {
		return &c, nil
	}
	if c, err = w.launcher.Calibrate(ctx); err != nil {
		return nil, err
	}
	w.log.Info("load generator calibrated", "rps", c.RPS, "p95_ms", c.P95)
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return &c, w.store.Write(ctx, func(tx *store.Tx) error { return tx.SetMeta(ctx, metaCeiling, string(text)) })
}
