package metricstore

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

const (
	maxNames  = 10_000 // labels, values or series of one answer
	maxMatchs = 100
)

// selection is the part of the data that a metadata request is about.
type selection struct {
	from, to int64 // Unix milliseconds
	matchers [][]*labels.Matcher
}

func (s *Store) selection(r *http.Request) (selection, error) {
	from, err := timeParam(r, "start", time.UnixMilli(0))
	if err != nil {
		return selection{}, err
	}
	to, err := timeParam(r, "end", time.UnixMilli(math.MaxInt64))
	if err != nil {
		return selection{}, err
	}
	matches := r.Form["match[]"]
	if len(matches) > maxMatchs {
		return selection{}, badData(fmt.Sprintf("more than %d selectors", maxMatchs))
	}
	matchers, err := s.parser.ParseMetricSelectors(matches)
	if err != nil {
		return selection{}, badData(`parameter "match[]": ` + err.Error())
	}
	return selection{from.UnixMilli(), to.UnixMilli(), matchers}, nil
}

// collect asks once for each selector, or once without any, and returns the
// union in order.
func (s *Store) collect(r *http.Request, ask func(storage.Querier, []*labels.Matcher) ([]string, error)) (answer, error) {
	sel, err := s.selection(r)
	if err != nil {
		return answer{}, err
	}
	querier, err := s.db.Querier(sel.from, sel.to)
	if err != nil {
		return answer{}, fmt.Errorf("read the index: %w", err)
	}
	defer func() { _ = querier.Close() }()
	if len(sel.matchers) == 0 {
		sel.matchers = [][]*labels.Matcher{nil}
	}
	found := map[string]bool{}
	for _, matchers := range sel.matchers {
		names, err := ask(querier, matchers)
		if err != nil {
			return answer{}, fmt.Errorf("read the index: %w", err)
		}
		for _, name := range names {
			found[name] = true
		}
	}
	sorted := slices.AppendSeq([]string{}, maps.Keys(found))
	slices.Sort(sorted)
	if len(sorted) > maxNames {
		return answer{Data: sorted[:maxNames], Warnings: []string{cut}}, nil
	}
	return answer{Data: sorted}, nil
}

const cut = "the answer was cut: it was too long"

func (s *Store) labelNames(r *http.Request) (answer, error) {
	return s.collect(r, func(q storage.Querier, m []*labels.Matcher) ([]string, error) {
		names, _, err := q.LabelNames(r.Context(), &storage.LabelHints{Limit: maxNames + 1}, m...)
		return names, err
	})
}

func (s *Store) labelValues(r *http.Request) (answer, error) {
	name := r.PathValue("name")
	if !model.UTF8Validation.IsValidLabelName(name) {
		return answer{}, badData(fmt.Sprintf("%q is no name of a label", name))
	}
	return s.collect(r, func(q storage.Querier, m []*labels.Matcher) ([]string, error) {
		values, _, err := q.LabelValues(r.Context(), name, &storage.LabelHints{Limit: maxNames + 1}, m...)
		return values, err
	})
}

func (s *Store) series(r *http.Request) (answer, error) {
	sel, err := s.selection(r)
	if err != nil {
		return answer{}, err
	}
	if len(sel.matchers) == 0 {
		return answer{}, badData(`parameter "match[]" is needed`)
	}
	querier, err := s.db.Querier(sel.from, sel.to)
	if err != nil {
		return answer{}, fmt.Errorf("read the index: %w", err)
	}
	defer func() { _ = querier.Close() }()
	found := map[string]model.Metric{}
	hints := &storage.SelectHints{Start: sel.from, End: sel.to, Func: "series"} // no samples, please
	for _, matchers := range sel.matchers {
		set := querier.Select(r.Context(), false, hints, matchers...)
		for len(found) <= maxNames && set.Next() {
			ls := set.At().Labels()
			found[ls.String()] = metric(ls)
		}
		if err := set.Err(); err != nil {
			return answer{}, fmt.Errorf("read the index: %w", err)
		}
	}
	out := make([]model.Metric, 0, len(found))
	for _, key := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[key])
	}
	if len(out) > maxNames {
		return answer{Data: out[:maxNames], Warnings: []string{cut}}, nil
	}
	return answer{Data: out}, nil
}
