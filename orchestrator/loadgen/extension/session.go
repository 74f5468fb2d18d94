package extension

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/options"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/output"
)

// Settings are where the series of a k6 go, and what it is to hold.
type Settings struct {
	URL        string            // of remote write
	Token      string            // bearer
	Interval   time.Duration     // between flushes; 5 s when zero
	Labels     map[string]string // of the run: testid, team, test_scenario, level, instance_id
	Thresholds []contest.Threshold
	Log        *slog.Logger
}

// ReadSettings reads the destination from k6's JSON configuration of the output
// ({"url", "bearerToken"}), which may be empty, and under it from the variables
// that k6's own remote write obeys.
func ReadSettings(config []byte, getenv func(string) string) (Settings, error) {
	var c struct {
		URL   string `json:"url"`
		Token string `json:"bearerToken"`
	}
	if len(config) > 0 {
		if err := json.Unmarshal(config, &c); err != nil {
			return Settings{}, errors.New("the configuration of the output hackload is not valid JSON")
		}
	}
	s := Settings{
		URL:   cmp.Or(c.URL, getenv(contest.WriteURLVariable)),
		Token: cmp.Or(c.Token, getenv(contest.WriteTokenVariable)),
	}
	if text := getenv(contest.PushIntervalVariable); text != "" {
		d, err := options.ParseDuration(text)
		if err != nil {
			return Settings{}, fmt.Errorf("%s: %w", contest.PushIntervalVariable, err)
		}
		s.Interval = d
	}
	return s, nil
}

// Thresholds reads k6's thresholds, selector by selector, each as in a script.
// What no judge can decide is left out and named.
func Thresholds(all map[string][]string) (read []contest.Threshold, unknown []string) {
	for selector, expressions := range all {
		for _, e := range expressions {
			t, err := contest.ParseThreshold(selector, e)
			if err != nil {
				unknown = append(unknown, selector+": "+e)
				continue
			}
			read = append(read, t)
		}
	}
	return read, unknown
}

// Sample is one measurement of k6.
type Sample struct {
	Metric   string
	Kind     metric.Kind
	Contains metric.Contains
	Tags     *metric.TagSet // of Session.Tags
	Value    float64
}

// Session counts the samples of one run of k6. Add and Tags are for one
// goroutine; flushing goes on beside them.
type Session struct {
	registry *metric.Registry
	agg      *metric.Aggregator
	root     *metric.TagSet
	stop     context.CancelFunc
	sent     chan error // nil where nothing is sent
	refused  int        // samples of metrics that nobody can hold
}

// Open begins a session. Without a URL it only counts.
func Open(s Settings) (*Session, error) {
	registry := metric.NewRegistry()
	out := &Session{
		registry: registry, agg: metric.NewAggregator(registry, s.Thresholds, 1), root: metric.NewTags(nil), stop: func() {},
	}
	if s.URL == "" {
		return out, nil
	}
	w, err := output.NewRemoteWrite(output.RemoteWriteConfig{
		URL: s.URL, Token: s.Token, Labels: maps.Clone(s.Labels), Interval: s.Interval, Log: s.Log,
	}, out.agg.Snapshot)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	out.stop, out.sent = stop, make(chan error, 1)
	go func() { out.sent <- w.Run(ctx) }()
	return out, nil
}

// Tags returns the set of tags that a sample is counted under. Keep it: making
// one costs more than counting.
func (s *Session) Tags(tags map[string]string) *metric.TagSet {
	set := s.root
	for k, v := range tags {
		set = set.With(k, v)
	}
	return set
}

// Add counts a sample.
func (s *Session) Add(x Sample) {
	m := s.registry.Lookup(x.Metric)
	if m == nil {
		var err error
		if m, err = s.registry.New(x.Metric, x.Kind, x.Contains); err != nil {
			s.refused++
			return
		}
	}
	s.agg.Shard(0).Add(m, x.Tags, x.Value)
}

// Close sends the last account and returns what the run came to. The error says
// that the receiver does not hold all of it.
func (s *Session) Close() (Outcome, error) {
	s.stop()
	o := Outcome{Results: s.agg.Evaluate()}
	for _, sub := range s.agg.Snapshot().Series {
		if sub.Metric.Name == "http_reqs" {
			o.Requests += sub.Sum
		}
	}
	var err error
	if s.sent != nil {
		err = <-s.sent
	}
	if s.refused > 0 {
		err = errors.Join(err, fmt.Errorf("%d samples belong to metrics of names that Prometheus cannot hold", s.refused))
	}
	return o, err
}

// Outcome is what a run came to.
type Outcome struct {
	Results  []metric.ThresholdResult
	Requests float64
}

// ReadKey reads a key from a file. Neither the error nor anything else says what
// is in it.
func ReadKey(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("HACKLOAD_API_KEY_FILE: %w", err)
	}
	key := strings.TrimSpace(string(text))
	if key == "" {
		return "", fmt.Errorf("HACKLOAD_API_KEY_FILE: %s is empty", path)
	}
	return key, nil
}
