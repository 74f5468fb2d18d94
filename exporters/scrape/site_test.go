package scrape

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestScrapeTime(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"15": 14500 * time.Millisecond, "1.5": time.Second, "1": 500 * time.Millisecond, "0.2": 100 * time.Millisecond,
		"": probeTimeout, "soon": probeTimeout, "0": probeTimeout, "-1": probeTimeout, "NaN": probeTimeout, "1e99": probeTimeout,
	} {
		assert.Equal(t, want, scrapeTime(header), header)
	}
}

func site(known error, seen prometheus.Collector, certain bool) Site {
	return Site{
		Name: "lab", What: `What <teams> "say".`, All: gauge("all", "Of all.", 7),
		Teams: func(context.Context) ([]contest.Team, error) { return []contest.Team{{Slug: "good"}}, known },
		Look:  func(context.Context, contest.Team) (prometheus.Collector, bool) { return seen, certain },
	}
}

func TestSite(t *testing.T) {
	t.Parallel()
	fine, broken := site(nil, gauge("one", "Of one.", 3), true), site(errors.New("secret"), nil, false)
	for _, row := range []struct {
		name, path string
		site       Site
		code       int
		want       []string
	}{
		{"landing", "/", fine, 200, []string{"HackLoad lab exporter", "What &lt;teams&gt; &#34;say&#34;."}},
		{"round", "/metrics", fine, 200, []string{"\nall 7\n"}},
		{"look", "/probe?target=good", fine, 200, []string{"\none 3\n", "\nprobe_success 1\n", "\nprobe_duration_seconds "}},
		{"no time for a look", "/probe?target=good", site(nil, nil, false), 200, []string{"\nprobe_success 0\n"}},
		{"nobody", "/probe?target=nobody", fine, 400, []string{"target has to name a team\n"}},
		{"no target", "/probe", fine, 400, []string{"target has to name a team\n"}},
		{"teams unknown", "/probe?target=good", broken, 503, []string{"the teams cannot be listed\n"}},
		{"not ready", "/-/ready", broken, 503, []string{"not ready: the teams cannot be listed\n"}},
		{"ready", "/-/ready", fine, 200, []string{"ready\n"}},
		{"healthy", "/-/healthy", broken, 200, []string{"healthy\n"}},
		{"nothing", "/nothing", fine, 404, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			row.site.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, row.path, nil))
			require.Equal(t, row.code, w.Code)
			for _, text := range row.want {
				require.Contains(t, w.Body.String(), text)
			}
			require.NotContains(t, w.Body.String(), "secret")
		})
	}
}

// One round fails and the next is played all the same, each at its time.
func TestRounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), 25*time.Minute)
		defer stop()
		begun := time.Now()
		var rounds []time.Duration
		var failures []error
		Rounds(ctx, 10*time.Minute, func(context.Context) ([]contest.Team, error) { return make([]contest.Team, 3), nil },
			func(_ context.Context, all []contest.Team) error {
				require.Len(t, all, 3)
				rounds = append(rounds, time.Since(begun))
				if len(rounds) == 1 {
					return errors.New("the first")
				}
				return nil
			}, func(err error) { failures = append(failures, err) })
		require.Equal(t, []time.Duration{0, 10 * time.Minute, 20 * time.Minute}, rounds)
		require.Len(t, failures, 1)
	})
}
