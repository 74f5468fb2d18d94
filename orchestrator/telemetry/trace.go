package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/hackload-kz/hackload/orchestrator/observe"
)

// TraceConfig says how traces leave.
type TraceConfig struct {
	// Endpoint is the collector's base URL, such as http://localhost:4318. Empty
	// leaves it to the variables OTEL_EXPORTER_OTLP_…, as everything else.
	Endpoint string
	Version  string // of this program
	Log      *slog.Logger
}

// Tracing is traces on their way to a collector, over OTLP and HTTP.
type Tracing struct{ provider *sdk.TracerProvider }

// DefaultCollector is where traces go when no variable names a collector.
const DefaultCollector = "http://localhost:4318"

// NewTracing starts to send traces. It asks nobody: a collector that is not
// there is told of in the log when the first batch fails. Close ends it.
func NewTracing(ctx context.Context, c TraceConfig) (*Tracing, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	var opts []otlptracehttp.Option
	if c.Endpoint != "" {
		opts = append(opts, otlptracehttp.WithEndpointURL(c.Endpoint+"/v1/traces"))
	}
	exporter, err := otlptracehttp.New(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("set traces up: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "hackload"), attribute.String("service.version", c.Version)),
		resource.WithFromEnv(), // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win
	)
	if err != nil {
		return nil, fmt.Errorf("set traces up: %w", err)
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(&told{SpanExporter: exporter, log: c.Log}), // at most 2048 spans wait, unless OTEL_BSP_… say otherwise
		sdk.WithIDGenerator(ids{}), sdk.WithResource(about),
	)
	return &Tracing{provider}, nil
}

// Into returns a context whose work is traced; of a nil Tracing, ctx itself.
func (t *Tracing) Into(ctx context.Context) context.Context {
	if t == nil {
		return ctx
	}
	return observe.WithTracer(ctx, t.provider.Tracer("github.com/hackload-kz/hackload"))
}

// Close sends what is left, as long as ctx lasts, and ends. A nil Tracing has
// nothing to send.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

// told says once that a collector takes no spans, and once that it does again.
// The SDK would tell of each batch, past our log.
type told struct {
	sdk.SpanExporter
	log    *slog.Logger
	failed atomic.Bool
}

// ExportSpans sends a batch. A lost batch is no error of anyone.
func (t *told) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := t.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && t.failed.CompareAndSwap(false, true):
		t.log.Warn("the trace collector takes no spans; they are lost until it does", "error", err)
	case err == nil && t.failed.CompareAndSwap(true, false):
		t.log.Info("the trace collector takes spans again")
	}
	return nil
}

// ids makes the ids of spans: the ones that were chosen, or random ones.
type ids struct{}

// NewIDs returns the ids of a span that begins a trace.
func (ids) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if t, s, ok := observe.Chosen(ctx); ok {
		return t, s
	}
	var t trace.TraceID
	for !t.IsValid() {
		fill(t[:])
	}
	return t, randomSpan()
}

// NewSpanID returns the id of a span below another.
func (ids) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if _, s, ok := observe.Chosen(ctx); ok {
		return s
	}
	return randomSpan()
}

func randomSpan() (s trace.SpanID) {
	for !s.IsValid() {
		fill(s[:])
	}
	return s
}

func fill(b []byte) {
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
}
