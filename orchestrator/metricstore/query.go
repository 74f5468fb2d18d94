package metricstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
)

const (
	queryMaxBody  = 1 << 20 // a regex of some hundred testids is 30 KB
	queryMaxSteps = 11_000  // Prometheus' own bound of a range query
	maxNotes      = 10      // warnings of one answer
)

func (s *Store) instant(r *http.Request) (answer, error) {
	at, err := timeParam(r, "time", time.Now())
	if err != nil {
		return answer{}, err
	}
	return s.evaluate(r, func(ctx context.Context, text string) (promql.Query, error) {
		return s.engine.NewInstantQuery(ctx, s.db, nil, text, at)
	})
}

func (s *Store) ranged(r *http.Request) (answer, error) {
	from, err := timeParam(r, "start", time.Time{})
	if err != nil {
		return answer{}, err
	}
	to, err := timeParam(r, "end", time.Time{})
	if err != nil {
		return answer{}, err
	}
	step, err := parseDuration(r.FormValue("step"))
	switch {
	case err != nil || step < time.Millisecond:
		return answer{}, badData(`parameter "step": want a positive number of seconds or a duration like 15s`)
	case from.IsZero() || to.IsZero():
		return answer{}, badData(`parameters "start" and "end" are needed`)
	case to.Before(from):
		return answer{}, badData(`parameter "end" is before "start"`)
	case to.Sub(from)/step > queryMaxSteps:
		return answer{}, badData(fmt.Sprintf("more than %d steps: take a larger step", queryMaxSteps))
	}
	return s.evaluate(r, func(ctx context.Context, text string) (promql.Query, error) {
		return s.engine.NewRangeQuery(ctx, s.db, nil, text, from, to, step)
	})
}

func (s *Store) evaluate(r *http.Request, prepare func(context.Context, string) (promql.Query, error)) (answer, error) {
	ctx, cancel, err := deadline(r)
	if err != nil {
		return answer{}, err
	}
	defer cancel()
	select {
	case s.running <- struct{}{}:
		defer func() { <-s.running }()
	case <-ctx.Done():
		return answer{}, &apiError{http.StatusServiceUnavailable, "timeout", "no place for another query came free in time"}
	}
	text := r.FormValue("query")
	query, err := prepare(ctx, text)
	if err != nil {
		return answer{}, badData(`parameter "query": ` + err.Error())
	}
	defer query.Close()
	result := query.Exec(ctx)
	s.queries.Add(1)
	if result.Err != nil {
		return answer{}, queryError(result.Err)
	}
	// The values must be copied out before Close gives their memory back.
	data, err := convert(result.Value)
	warnings, infos := result.Warnings.AsStrings(text, maxNotes, maxNotes)
	return answer{Data: data, Warnings: warnings, Infos: infos}, err
}

// queryError sorts the engine's errors as Prometheus' API does.
func queryError(err error) error {
	var timeout promql.ErrQueryTimeout
	var canceled promql.ErrQueryCanceled
	var storage promql.ErrStorage
	switch {
	case errors.As(err, &timeout):
		return &apiError{http.StatusServiceUnavailable, "timeout", err.Error()}
	case errors.As(err, &canceled):
		return &apiError{http.StatusServiceUnavailable, "canceled", err.Error()}
	case errors.As(err, &storage):
		return &apiError{http.StatusInternalServerError, "internal", err.Error()}
	}
	return &apiError{http.StatusUnprocessableEntity, "execution", err.Error()}
}

func deadline(r *http.Request) (context.Context, context.CancelFunc, error) {
	limit := queryTimeout
	if text := r.FormValue("timeout"); text != "" {
		asked, err := parseDuration(text)
		if err != nil || asked <= 0 {
			return nil, nil, badData(`parameter "timeout": want a positive number of seconds or a duration like 15s`)
		}
		limit = min(limit, asked)
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	return ctx, cancel, nil
}

// timeParam reads Unix seconds with a fraction, or RFC 3339.
func timeParam(r *http.Request, name string, unset time.Time) (time.Time, error) {
	text := r.FormValue(name)
	if text == "" {
		return unset, nil
	}
	const farthest = 1 << 43 / 1000 // seconds; far beyond any sample and safe in milliseconds
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > -farthest && seconds < farthest {
		return time.UnixMilli(int64(math.Round(seconds * 1000))), nil // 0.124 s are 123.99… ms
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, badData(fmt.Sprintf("parameter %q: want Unix seconds or a time like 2006-01-02T15:04:05Z", name))
	}
	return at, nil
}

// parseDuration reads seconds with a fraction, or Prometheus' "1h30m".
func parseDuration(text string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(seconds > 0 && seconds < float64(1<<62)/float64(time.Second)) {
			return 0, fmt.Errorf("%q is out of range", text)
		}
		return time.Duration(seconds * float64(time.Second)), nil
	}
	d, err := model.ParseDuration(text)
	return time.Duration(d), err
}

// buildInfo names the release of Prometheus that the engine was taken from,
// so that a client can tell what it understands.
func (s *Store) buildInfo(*http.Request) (answer, error) {
	return answer{Data: map[string]string{"version": version(), "revision": "", "goVersion": ""}}, nil
}

// version turns the module's v0.316.0 into the release's 3.16.0.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "3.0.0-embedded"
	}
	for _, dep := range info.Deps {
		if dep.Path != "github.com/prometheus/prometheus" {
			continue
		}
		parts := strings.Split(strings.TrimPrefix(dep.Version, "v"), ".")
		if len(parts) == 3 && len(parts[1]) == 3 {
			minor := strings.TrimLeft(parts[1][1:], "0")
			return parts[1][:1] + "." + max(minor, "0") + "." + parts[2] + "-embedded"
		}
	}
	return "3.0.0-embedded"
}
