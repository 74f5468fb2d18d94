package loadgen

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/options"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/output"
)

const (
	progressEvery = 500 * time.Millisecond
	linesEvery    = 5 * time.Second
)

// sinks are what works beside the test: gauges, thresholds, progress, and the
// outputs, which end last.
type sinks struct {
	stopWatching, stopSending context.CancelFunc
	watching, sending         *errgroup.Group
	files                     []*output.SampleFile
}

func (e *engine) startSinks() (*sinks, error) {
	writers, err := e.writers()
	if err != nil {
		return nil, err
	}
	files, err := e.sampleFiles()
	if err != nil {
		return nil, err
	}
	watch, stopWatching := context.WithCancel(context.Background())
	send, stopSending := context.WithCancel(context.Background())
	s := &sinks{stopWatching, stopSending, &errgroup.Group{}, &errgroup.Group{}, files}
	s.start(func() { e.countUsers(watch) })
	s.start(func() { e.watchThresholds(watch) })
	if e.flags.progressFile != "" {
		s.start(func() { e.keepProgress(watch) })
	}
	if !e.flags.quiet {
		s.start(func() { e.printProgress(watch) })
	}
	for _, w := range writers {
		s.sending.Go(func() error { return w.Run(send) })
	}
	return s, nil
}

func (s *sinks) start(f func()) {
	s.watching.Go(func() error {
		f()
		return nil
	})
}

// end stops everything; the outputs send the final account.
func (s *sinks) end() error {
	s.stopWatching()
	err := s.watching.Wait()
	s.stopSending()
	err = errors.Join(err, s.sending.Wait())
	for _, f := range s.files {
		err = errors.Join(err, f.Close())
	}
	return err
}

// sampleFiles opens the files of samples that --out asks for.
func (e *engine) sampleFiles() (files []*output.SampleFile, err error) {
	for _, o := range e.flags.outputs {
		var f *output.SampleFile
		name, path, _ := strings.Cut(o, "=")
		if path != "" && path != "-" {
			path = e.io.path(path)
		}
		switch name {
		case "json":
			f, err = output.NewJSONFile(path, e.io.Stdout, e.options.Thresholds)
		case "csv":
			if path == "" {
				path = e.io.path("file.csv") // as k6 calls it
			}
			f, err = output.NewCSVFile(path, e.io.Stdout, e.io.env()["K6_CSV_TIME_FORMAT"])
		default:
			continue
		}
		if err != nil {
			for _, open := range files {
				err = errors.Join(err, open.Close())
			}
			return nil, &codedError{exitConfig, err}
		}
		files = append(files, f)
	}
	if len(files) > 0 {
		e.agg.Tap(func(m *metric.Metric, t *metric.TagSet, v float64) {
			for _, f := range files {
				f.Add(m, t, v)
			}
		})
	}
	return files, nil
}

// writers makes the outputs that --out asks for.
func (e *engine) writers() ([]*output.RemoteWrite, error) {
	env := e.io.env()
	var out []*output.RemoteWrite
	for _, o := range e.flags.outputs {
		if !strings.Contains(o, "prometheus-rw") {
			continue
		}
		cfg := output.RemoteWriteConfig{
			URL: env[contest.WriteURLVariable], Token: env[contest.WriteTokenVariable], Labels: maps.Clone(e.runTags), Log: e.log,
		}
		if cfg.URL == "" {
			cfg.URL = "http://localhost:9090/api/v1/write"
		}
		if e.flags.instanceID != "" {
			cfg.Labels["instance_id"] = e.flags.instanceID
		}
		if text := env[contest.PushIntervalVariable]; text != "" {
			d, err := options.ParseDuration(text)
			if err != nil {
				return nil, coded(exitConfig, "%s: %w", contest.PushIntervalVariable, err)
			}
			cfg.Interval = d
		}
		w, err := output.NewRemoteWrite(cfg, e.agg.Snapshot)
		if err != nil {
			return nil, &codedError{exitConfig, err}
		}
		out = append(out, w)
	}
	return out, nil
}

// countUsers samples vus and vus_max each second once the users are there.
func (e *engine) countUsers(ctx context.Context) {
	b, shard := e.registry.Builtin(), e.agg.Shard(0)
	for e.config.Test.Elapsed() == 0 {
		if !wait(ctx, 10*time.Millisecond) {
			return
		}
	}
	for {
		shard.Add(b.VUs, e.config.Tags, float64(e.config.Test.Active.Load()))
		shard.Add(b.VUsMax, e.config.Tags, float64(e.config.Test.Initialised.Load()))
		if !wait(ctx, time.Second) {
			return
		}
	}
}

// keepProgress rewrites the progress file twice a second, and once at the end.
func (e *engine) keepProgress(ctx context.Context) {
	path := e.io.path(e.flags.progressFile)
	var second, first *metric.Snapshot // of the two writes before
	for told := false; ; {
		now := e.agg.SnapshotOf(output.ProgressMetrics()...)
		err := launch.WriteProgress(path, output.Progress(now, second, output.Plan{Length: e.length(), Phases: e.phases()}))
		if err != nil && !told {
			told = true
			e.log.Warn("the progress file cannot be written", "error", err)
		}
		second, first = first, now
		if second == nil {
			second = now
		}
		if ctx.Err() != nil {
			return
		}
		wait(ctx, progressEvery)
	}
}

// length is how long the test takes without gracefulStop.
func (e *engine) length() time.Duration {
	var longest time.Duration
	for _, s := range e.scenarios {
		longest = max(longest, s.StartTime+s.Length())
	}
	return longest
}

// printProgress writes a line now and then, for people.
func (e *engine) printProgress(ctx context.Context) {
	t := e.config.Test
	for wait(ctx, linesEvery) {
		_, _ = fmt.Fprintf(e.io.Stderr, "running (%v of %v), %d/%d VUs, %d complete and %d interrupted iterations\n",
			t.Elapsed().Round(time.Second), e.length(), t.Active.Load(), t.Initialised.Load(), t.Completed.Load(), t.Interrupted.Load())
	}
}
