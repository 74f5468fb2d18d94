package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/telemetry"
)

// witness is how the outside learns of this process: its log and, where they
// are on, traces, reported errors and pushed metrics.
type witness struct {
	log     *slog.Logger
	tracing *telemetry.Tracing   // nil: off
	sentry  *telemetry.Sentry    // nil: off
	pushing telemetry.PushConfig // without a URL: off
}

// witness sets up what c switches on. Only commands that end push metrics.
func (w world) witness(ctx context.Context, c *config.Config, command string, logs telemetry.LogConfig) (*witness, error) {
	redact := telemetry.NewRedactor(append(c.Secrets(), w.Getenv("OTEL_EXPORTER_OTLP_HEADERS"), w.Getenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS")))
	x := &witness{pushing: telemetry.PushConfig{URL: c.Observe.Pushgateway.Reveal(), Command: command, Instance: instance()}}
	var err error
	if c.Observe.SentryDSN.Set() {
		x.sentry, err = telemetry.NewSentry(telemetry.SentryConfig{
			DSN: c.Observe.SentryDSN.Reveal(), Release: version(), Environment: c.Environment, Redact: redact,
		})
		if err != nil {
			return nil, usage(err, "Copy the DSN from the project's settings in Sentry, or unset SENTRY_DSN.")
		}
		logs.Further = x.sentry
	}
	logs.Out, logs.Redact = w.Stderr, redact
	x.log = telemetry.NewLogger(logs)
	if c.Observe.Tracing {
		x.tracing, err = telemetry.NewTracing(ctx, telemetry.TraceConfig{Endpoint: collector(w.Getenv), Version: version(), Log: x.log})
		if err != nil {
			return nil, usage(err, "Correct the variables OTEL_…, or set TRACING_ENABLED=false.")
		}
	}
	return x, nil
}

// forPeople is a log of what people at a terminal must know.
func forPeople() telemetry.LogConfig { return telemetry.LogConfig{Level: "warn"} }

// collector returns where traces go, unless a variable says so to the SDK.
func collector(getenv func(string) string) string {
	if getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "" {
		return ""
	}
	return telemetry.DefaultCollector
}

func instance() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// push leaves the metrics of a command that ends at the Pushgateway. A gateway
// that does not take them is no failure of the command.
func (x *witness) push(ctx context.Context, reg prometheus.Gatherer) {
	if x.pushing.URL == "" {
		return
	}
	if err := telemetry.Push(context.WithoutCancel(ctx), x.pushing, reg); err != nil {
		x.log.WarnContext(ctx, "metrics could not be pushed", "error", err)
	}
}

// farewell bounds how long the last traces and errors may take to leave.
const farewell = 5 * time.Second

// close reports what ends the process, a panic too, and sends what is left. It
// is deferred with the error that the command returns.
func (x *witness) close(ctx context.Context, err *error) {
	p := recover()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	var e *exit
	switch {
	case p != nil:
		x.sentry.Report(ctx, "the program panics", fmt.Errorf("panic: %v", p))
	case errors.As(*err, &e) && e.code == exitTrouble && e.err != nil:
		x.sentry.Report(ctx, "the program ends", e.err)
	}
	if left := errors.Join(x.tracing.Close(ctx), x.sentry.Close(ctx)); left != nil {
		x.log.WarnContext(ctx, "not everything was told", "error", left)
	}
	if p != nil {
		panic(p)
	}
}
