// Package output tells the world what a load test measured: as Prometheus
// series while it runs, and as progress, summary text and summary JSON.
//
// RemoteWrite takes a snapshot of the aggregation every interval and sends all
// of it by the Prometheus remote write protocol 1.0, together with the
// generator's own health. Values are cumulative, so a flush that is lost costs
// nothing once a later one arrives; losses are counted and sent. The last flush
// is tried for 30 seconds, and alone carries k6_generator_finished, so whoever
// reads the series can tell a complete account from one that was cut off.
//
// Names, labels and shapes are those of k6, so dashboards and scripts made for
// k6 work. Labels of the run win over tags of a script, and no tag can make a
// label that Prometheus would refuse.
package output

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/prometheus/prompb"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

const (
	defaultInterval = 5 * time.Second
	defaultTimeout  = 5 * time.Second
	defaultLast     = 30 * time.Second
	maxAnswer       = 64 << 10 // bytes of an answer that are read
	maxPerRequest   = 2000     // series
)

// RemoteWriteConfig says where series go. Zero durations mean the defaults.
type RemoteWriteConfig struct {
	URL      string            // the whole URL of the receiver, http or https
	Token    string            // bearer token; empty for none
	Labels   map[string]string // on every series: testid, team, instance_id, …
	Interval time.Duration     // between flushes, 5 s
	Timeout  time.Duration     // of one HTTP request, and of a flush with its retries, 5 s
	Last     time.Duration     // of the last flush with its retries, 30 s
	Log      *slog.Logger      // lost flushes are told here; nil for nowhere
}

// RemoteWrite sends the state of an aggregation to a Prometheus remote-write
// receiver.
type RemoteWrite struct {
	cfg     RemoteWriteConfig
	source  func() *metric.Snapshot
	api     *remote.API
	client  *http.Client
	health  *health
	encoder *encoder
	sent    int64 // timestamp of the flush before, milliseconds since 1970
	dropped atomic.Uint64
}

// NewRemoteWrite returns an output that sends what source returns. It fails when
// the URL is not an absolute http or https one. Nothing is sent before Run.
func NewRemoteWrite(cfg RemoteWriteConfig, source func() *metric.Snapshot) (*RemoteWrite, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("remote write: the address must be a URL like http://localhost:9090/api/v1/write")
	}
	cfg.Interval = orDefault(cfg.Interval, defaultInterval)
	cfg.Timeout = orDefault(cfg.Timeout, defaultTimeout)
	cfg.Last = orDefault(cfg.Last, defaultLast)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	w := &RemoteWrite{cfg: cfg, source: source, health: newHealth("/"), encoder: newEncoder(cfg.Labels)}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil // the receiver is near; a proxy for targets is not meant for it
	w.client = &http.Client{
		Timeout:   cfg.Timeout,
		Transport: authorized{transport, cfg.Token},
		// A redirect could carry the token to somebody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	w.api, err = remote.NewAPI(cfg.URL, remote.WithAPIPath(""), remote.WithAPIHTTPClient(w.client),
		remote.WithAPIBackoff(remote.BackoffConfig{Min: 100 * time.Millisecond, Max: 2 * time.Second}))
	if err != nil {
		return nil, fmt.Errorf("remote write: %w", err)
	}
	return w, nil
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// Run flushes every interval until ctx is cancelled, then flushes for the last
// time and returns. Only a failure of that last flush is an error; it means that
// the receiver does not hold the final account. The caller cancels ctx when no
// more samples will come.
func (w *RemoteWrite) Run(ctx context.Context) error {
	defer w.client.CloseIdleConnections()
	tick := time.NewTicker(w.cfg.Interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return w.last(context.WithoutCancel(ctx))
		case <-tick.C:
		}
		flush, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
		err := w.flush(flush, false)
		cancel()
		// A flush that the end of the test cut short is not lost: the last one
		// repeats all of it.
		if err != nil && ctx.Err() == nil {
			w.dropped.Add(1)
			w.cfg.Log.Warn("a flush of metrics was lost, the next one repeats it", "error", err)
		}
	}
}

func (w *RemoteWrite) last(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Last)
	defer cancel()
	if err := w.flush(ctx, true); err != nil {
		w.dropped.Add(1)
		return fmt.Errorf("send the last metrics: %w", err)
	}
	return nil
}

// flush sends all series. The marker of a finished test is in the last request,
// which is sent only after the others have arrived.
func (w *RemoteWrite) flush(ctx context.Context, finished bool) error {
	account := account{
		snapshot: w.source(), health: w.health.read(), dropped: w.dropped.Load(), finished: finished,
	}
	// Two values at one millisecond would be refused, and with them the last flush.
	account.at = max(account.snapshot.Time.UnixMilli(), w.sent+1)
	w.sent = account.at
	return w.encoder.encode(account, func(req *prompb.WriteRequest) error { return w.send(ctx, req) })
}

func (w *RemoteWrite) send(ctx context.Context, req *prompb.WriteRequest) error {
	var cause error
	_, err := w.api.Write(ctx, remote.WriteV1MessageType, req,
		remote.WithWriteRetryCallback(func(err error) { cause = err }))
	if err == nil {
		return nil
	}
	if cause != nil {
		err = fmt.Errorf("%w, after %w", err, cause)
	}
	return w.redact(err)
}

// redact cuts an error to a length for logs, and hides the token should the
// receiver have repeated it.
func (w *RemoteWrite) redact(err error) error {
	text := err.Error()
	if w.cfg.Token != "" {
		text = strings.ReplaceAll(text, w.cfg.Token, "<secret>")
	}
	return errors.New(cut(text, 500))
}

// authorized adds the protocol's credentials to each request and bounds what is
// read of an answer.
type authorized struct {
	next  *http.Transport
	token string
}

func (a authorized) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", "hackload-loadgen")
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	resp, err := a.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = limited{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

// CloseIdleConnections lets an http.Client close what it keeps open.
func (a authorized) CloseIdleConnections() { a.next.CloseIdleConnections() }

type limited struct {
	io.Reader
	io.Closer
}
