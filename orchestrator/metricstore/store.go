// Package metricstore is the contest's own Prometheus for when none is
// configured: the TSDB and the PromQL engine of Prometheus itself behind a
// small HTTP listener.
//
// In come remote writes of load generators, each with a bearer token that is
// good for the series of one testid and nothing else. Out go Prometheus' own
// JSON answers to instant and range queries, native histograms included, so
// that any Prometheus client reads it.
//
// Whatever a write was answered with 2xx is in the write-ahead log: after a
// kill -9 the next Open has it again. Bodies, results, running queries and
// their time are bounded; what is over a bound is refused with a sentence and
// changes nothing.
package metricstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
)

const (
	blockDuration    = time.Minute     // of a block; up to one and a half of it are held in memory
	seriesStripes    = 512             // of the map of series in memory, which are some thousands
	chunkBuffer      = 256 << 10       // bytes on their way to the disk
	chunkSegment     = 32 << 20        // bytes of a file of a block
	outOfOrderWindow = time.Hour       // how late a sample may come
	lookback         = 5 * time.Minute // Prometheus' default, so that answers are the same
	queryTimeout     = 30 * time.Second
	defaultSamples   = 5_000_000
	queriesAtOnce    = 8
	writesAtOnce     = 4
	shutdownGrace    = 5 * time.Second
	defaultRetention = 15 * 24 * time.Hour
)

// Config says where a store lives and who may read it.
type Config struct {
	Dir       string        // of the TSDB; made when it is missing, for its owner alone
	Retention time.Duration // how long samples are kept; 0 means 15 days
	Listen    string        // host:port, "127.0.0.1:0" for any free port
	// ReadToken is the bearer token of readers that are not on loopback. When
	// it is empty only loopback may read.
	ReadToken  string
	MaxSamples int                   // that one query may hold in memory at once; 0 means 5 million
	Log        *slog.Logger          // nil logs nothing
	Registry   prometheus.Registerer // for the TSDB's and the engine's own metrics; may be nil
}

// Store is an open TSDB with its listener. Its methods may be called at once
// from many goroutines.
type Store struct {
	db        *tsdb.DB
	engine    *promql.Engine
	parser    parser.Parser
	listener  net.Listener
	registry  *borrowed
	log       *slog.Logger
	readToken string
	tokens    tokens
	queries   atomic.Int64
	running   chan struct{} // a place for each query that runs
	writing   chan struct{} // a place for each write that is decoded
	closeOnce sync.Once
	closeErr  error
}

// Open opens the TSDB in cfg.Dir, replays what an unclean end left in its log,
// and takes the listening address. Requests are answered once Run is called. A
// directory that another process has open is an error.
func Open(cfg Config) (*Store, error) {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for metrics on %q: %w", cfg.Listen, err)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil { // the TSDB would let everybody in
		return nil, fmt.Errorf("create directory of metrics: %w", errors.Join(err, listener.Close()))
	}
	own, registry := borrow(cfg.Registry)
	db, err := tsdb.Open(cfg.Dir, log, registry, options(cfg.Retention), nil)
	if err != nil {
		own.giveBack()
		return nil, fmt.Errorf("open metrics in %s: %w", cfg.Dir, errors.Join(err, listener.Close()))
	}
	p := parser.NewParser(parser.Options{})
	return &Store{
		db: db, listener: listener, registry: own, log: log, parser: p, readToken: cfg.ReadToken,
		running: make(chan struct{}, queriesAtOnce),
		writing: make(chan struct{}, writesAtOnce),
		engine: promql.NewEngine(promql.EngineOpts{
			Logger: log, Reg: registry, Parser: p,
			MaxSamples: cmp.Or(cfg.MaxSamples, defaultSamples), Timeout: queryTimeout, LookbackDelta: lookback,
			EnableAtModifier: true, EnableNegativeOffset: true,
		}),
	}, nil
}

func options(retention time.Duration) *tsdb.Options {
	if retention <= 0 {
		retention = defaultRetention
	}
	o := tsdb.DefaultOptions()
	o.RetentionDuration = retention.Milliseconds()
	o.MinBlockDuration = blockDuration.Milliseconds()
	o.MaxBlockDuration = max(blockDuration, min(retention/10, 24*time.Hour)).Milliseconds()
	o.OutOfOrderTimeWindow = outOfOrderWindow.Milliseconds()
	o.StripeSize, o.HeadChunksWriteBufferSize = seriesStripes, chunkBuffer // by default for millions of series
	o.MaxBlockChunkSegmentSize = chunkSegment                              // reserved on disk before it is written, by default 512 MiB
	return o
}

// URL is the base URL of the query API, for example "http://127.0.0.1:35131".
func (s *Store) URL() string { return "http://" + s.listener.Addr().String() }

// WriteURL is the address that load generators push to.
func (s *Store) WriteURL() string { return s.URL() + "/api/v1/write" }

// Queries returns how many PromQL queries were answered since Open.
func (s *Store) Queries() int64 { return s.queries.Load() }

// Run answers requests until ctx is done, lets those under way finish for a few
// seconds, and closes the TSDB. It returns nil when it was ended by ctx.
func (s *Store) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * queryTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.listener) }()
	select {
	case err := <-ended:
		return errors.Join(fmt.Errorf("serve metrics: %w", err), s.Close())
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		_ = server.Close() // whoever is still being answered had its grace
	}
	<-ended
	return s.Close()
}

// Close closes the listener and the TSDB. It is needed only when Run was never
// called, and does nothing the second time.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		err := s.listener.Close()
		if errors.Is(err, net.ErrClosed) {
			err = nil // by Run's server
		}
		s.closeErr = errors.Join(err, s.engine.Close(), s.db.Close())
		s.registry.giveBack()
		if s.closeErr != nil {
			s.closeErr = fmt.Errorf("close metrics: %w", s.closeErr)
		}
	})
	return s.closeErr
}

func (s *Store) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /api/v1/write", s.writeHandler())
	for path, answer := range map[string]answerFunc{
		"/api/v1/query":               s.instant,
		"/api/v1/query_range":         s.ranged,
		"/api/v1/labels":              s.labelNames,
		"/api/v1/label/{name}/values": s.labelValues,
		"/api/v1/series":              s.series,
		"/api/v1/status/buildinfo":    s.buildInfo,
	} {
		h := s.reader(answer)
		mux.Handle("GET "+path, h)
		mux.Handle("POST "+path, h)
	}
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "ready")
	})
	return mux
}
