package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/getsentry/sentry-go"
	"golang.org/x/time/rate"

	"github.com/hackload-kz/hackload/orchestrator/observe"
)

// SentryConfig says where errors are reported.
type SentryConfig struct {
	DSN         string
	Release     string // of this program
	Environment string
	Redact      *Redactor
}

// Bounds of what is reported.
const (
	mostEvents   = 100 // waiting to be sent; more are dropped
	sendTimeout  = 5 * time.Second
	eventsBurst  = 20 // at once, then one a second: a step that fails in a loop is one story
	eventsPerSec = 1
)

// Sentry is a handler of log records that reports errors and panics. Its zero
// value, and nil, report nothing.
type Sentry struct {
	client *sentry.Client
	redact *Redactor
	limit  *rate.Limiter
	attrs  []slog.Attr // that the logger was given
}

// NewSentry starts to report. Close ends it. The error does not show the DSN.
func NewSentry(c SentryConfig) (*Sentry, error) {
	transport := sentry.NewHTTPTransport()
	transport.BufferSize, transport.Timeout = mostEvents, sendTimeout
	client, err := sentry.NewClient(sentry.ClientOptions{
		Dsn: c.DSN, Release: c.Release, Environment: c.Environment, Transport: transport,
		Integrations:         func([]sentry.Integration) []sentry.Integration { return nil }, // they would tell of this machine
		DisableClientReports: true,
		MaxBreadcrumbs:       -1,
	})
	if err != nil {
		return nil, errors.New("the address that Sentry gave (SENTRY_DSN) is not one like https://KEY@HOST/PROJECT")
	}
	return &Sentry{client: client, redact: c.Redact, limit: rate.NewLimiter(eventsPerSec, eventsBurst)}, nil
}

// Close sends what is left, as long as ctx lasts, and ends.
func (s *Sentry) Close(ctx context.Context) error {
	if s == nil {
		return nil
	}
	defer s.client.Close()
	if !s.client.FlushWithContext(ctx) {
		return errors.New("the last errors did not reach Sentry in time")
	}
	return nil
}

// Enabled reports whether the level is an error's.
func (s *Sentry) Enabled(_ context.Context, l slog.Level) bool {
	return s != nil && s.client != nil && l >= slog.LevelError
}

// Handle reports one record. Whatever becomes of it is no concern of the log's.
func (s *Sentry) Handle(ctx context.Context, r slog.Record) error {
	if !s.Enabled(ctx, r.Level) {
		return nil
	}
	event := s.event(r.Message, r.Time)
	note := func(a slog.Attr) bool { s.note(event, a); return true }
	for _, a := range s.attrs {
		note(a)
	}
	r.Attrs(note)
	s.send(event)
	return nil
}

// WithAttrs notes the attributes for every record.
func (s *Sentry) WithAttrs(attrs []slog.Attr) slog.Handler {
	if s == nil {
		return s
	}
	more := *s
	more.attrs = append(append([]slog.Attr(nil), s.attrs...), attrs...)
	return &more
}

// WithGroup leaves the names of groups out.
func (s *Sentry) WithGroup(string) slog.Handler { return s }

// Report reports an error that ends this process.
func (s *Sentry) Report(ctx context.Context, message string, err error) {
	if !s.Enabled(ctx, slog.LevelError) {
		return
	}
	event := s.event(message, time.Now())
	event.Level = sentry.LevelFatal
	for _, a := range append(observe.SubjectOf(ctx).LogAttrs(), slog.Any("error", err)) {
		s.note(event, a)
	}
	s.send(event)
}

func (s *Sentry) event(message string, at time.Time) *sentry.Event {
	event := sentry.NewEvent()
	event.Level, event.Timestamp = sentry.LevelError, at
	event.Message = s.text(message)
	event.Contexts["log"] = sentry.Context{}
	return event
}

// note adds an attribute: an error as what happened, what the work was about as
// tags to search by, everything else to read.
func (s *Sentry) note(event *sentry.Event, a slog.Attr) {
	value := a.Value.Resolve()
	text := s.text(value.String())
	switch a.Key {
	case "round", "run", "service", "team", "criterion", "trace_id":
		event.Tags[a.Key] = text
	case "error", "panic":
		event.Exception = append(event.Exception, sentry.Exception{Type: fmt.Sprintf("%T", value.Any()), Value: text})
	default:
		event.Contexts["log"][s.text(a.Key)] = text
	}
}

func (s *Sentry) text(t string) string {
	t = s.redact.Text(t)
	if len(t) > longest {
		t = strings.ToValidUTF8(t[:longest], "") + " …"
	}
	return t
}

func (s *Sentry) send(event *sentry.Event) {
	if s.limit.Allow() {
		s.client.CaptureEvent(event, nil, nil)
	}
}

// Recovering answers a request whose handler panics with 500, and logs the
// panic as an error.
func Recovering(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { // net/http wants it
				panic(p)
			}
			log.ErrorContext(r.Context(), "a request made the program panic", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		}()
		next.ServeHTTP(w, r)
	})
}
