package cost

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Query asks Prometheus an instant query. An error beside samples is a warning.
type Query func(ctx context.Context, promql string, at time.Time) ([]contest.Sample, error)

// window is the time that is billed and measured.
type window struct{ from, to, now time.Time }

// teamPlace stands for the team's slug in the pattern of namespaces.
const teamPlace = "$team"

// namespaceOf is the name that a team's namespace has: its slug in the pattern,
// as Kubernetes allows it. It is made of a–z, 0–9 and "-" only, so it can stand
// in a query.
func namespaceOf(pattern string, slug contest.Slug) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return '-'
	}, strings.ToLower(strings.ReplaceAll(pattern, teamPlace, string(slug))))
	return strings.Trim(name[:min(len(name), 63)], "-")
}

// namespaces returns the namespace of each team; teams whose names fall together
// have none, because what is used in it is no one's in particular.
func namespaces(pattern string, slugs []contest.Slug) map[string]contest.Slug {
	owner := make(map[string]contest.Slug, len(slugs))
	shared := map[string]bool{"": true}
	for _, slug := range slugs {
		name := namespaceOf(pattern, slug)
		if other, taken := owner[name]; taken && other != slug {
			shared[name] = true
		}
		owner[name] = slug
	}
	for name := range shared {
		delete(owner, name)
	}
	return owner
}

// usage asks what each team's namespace used in the window, two queries in all.
func (x *Exporter) usage(ctx context.Context, w window, slugs []contest.Slug) (map[contest.Slug]Usage, error) {
	query, owner := x.cfg.Query, namespaces(x.cfg.Namespace, slugs)
	if len(owner) == 0 {
		return nil, nil
	}
	cpu, memory := usageQueries(w, sortedKeys(owner))
	var cores, bytes []contest.Sample
	var coresErr, bytesErr error
	var both errgroup.Group // an error of one does not cut the other short
	both.Go(func() error { cores, coresErr = query(ctx, cpu, w.to); return nil })
	both.Go(func() error { bytes, bytesErr = query(ctx, memory, w.to); return nil })
	_ = both.Wait()
	used := map[contest.Slug]Usage{}
	put := func(samples []contest.Sample, set func(*Usage, *float64)) {
		for _, s := range samples {
			slug, ok := owner[s.Labels["namespace"]]
			if !ok || math.IsNaN(s.Value) || math.IsInf(s.Value, 0) || s.Value < 0 {
				continue
			}
			u := used[slug]
			set(&u, &s.Value)
			used[slug] = u
		}
	}
	put(cores, func(u *Usage, v *float64) { u.CoreHours = v })
	put(bytes, func(u *Usage, v *float64) { u.GiBHours = v })
	if coresErr != nil {
		return used, fmt.Errorf("query cpu of namespaces: %w", coresErr)
	}
	if bytesErr != nil {
		return used, fmt.Errorf("query memory of namespaces: %w", bytesErr)
	}
	return used, nil
}

// usageQueries returns what gives core-hours and GiB-hours by namespace. Memory
// is a gauge, so it is summed in steps: a thousand at most, however long the
// window is.
func usageQueries(w window, names []string) (cpu, memory string) {
	span := max(time.Minute, w.to.Sub(w.from).Round(time.Second))
	step := max(time.Minute, (span / 1000).Round(time.Second))
	match := fmt.Sprintf(`{container!="",namespace=~"%s"}`, strings.Join(names, "|"))
	cpu = fmt.Sprintf(`sum by (namespace) (increase(container_cpu_usage_seconds_total%s[%ds])) / 3600`,
		match, int(span.Seconds()))
	memory = fmt.Sprintf(`sum_over_time((sum by (namespace) (container_memory_working_set_bytes%s))[%ds:%ds]) * %d / 3600 / 1073741824`,
		match, int(span.Seconds()), int(step.Seconds()), int(step.Seconds()))
	return cpu, memory
}
