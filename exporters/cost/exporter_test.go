package cost_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/exporters/cost"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cloud is a provider that answers what spend returns.
type cloud struct {
	name  string
	asked atomic.Int32
	spend func(ctx context.Context, from, to time.Time) (map[contest.Slug][]cost.Amount, error)
}

func (c *cloud) Name() string { return c.name }

func (c *cloud) Spend(ctx context.Context, from, to time.Time, _ []contest.Slug) (map[contest.Slug][]cost.Amount, error) {
	c.asked.Add(1)
	return c.spend(ctx, from, to)
}

func billing(name string, bills map[contest.Slug][]cost.Amount) *cloud {
	return &cloud{name: name, spend: func(context.Context, time.Time, time.Time) (map[contest.Slug][]cost.Amount, error) { return bills, nil }}
}

func hanging(name string) *cloud {
	return &cloud{name: name, spend: func(ctx context.Context, _, _ time.Time) (map[contest.Slug][]cost.Amount, error) {
		<-ctx.Done()
		return nil, fmt.Errorf("get bills: %w", ctx.Err())
	}}
}

func exporter(t testing.TB, cfg cost.Config) *cost.Exporter {
	t.Helper()
	x, err := cost.New(cfg)
	require.NoError(t, err)
	return x
}

func team(slug contest.Slug, spend string) contest.Team {
	return contest.Team{Slug: slug, Spend: spend}
}

func measure(t testing.TB, x *cost.Exporter, teams ...contest.Team) map[contest.Slug]contest.Verdict {
	t.Helper()
	got := map[contest.Slug]contest.Verdict{}
	require.NoError(t, x.Measure(t.Context(), teams, func(v contest.Verdict) { got[v.Team.Slug] = v }))
	require.Len(t, got, len(teams))
	return got
}

func TestMeasureReadsAllSources(t *testing.T) {
	t.Parallel()
	x := exporter(t, cost.Config{
		Entries: func(context.Context) (map[contest.Slug]cost.Entry, error) {
			return map[contest.Slug]cost.Entry{"alem": {Team: "alem", Amount: kzt(9)}}, nil
		},
		Providers: []cost.Provider{billing("AWS", map[contest.Slug][]cost.Amount{"oyu": {usd(4)}}), billing("Azure", map[contest.Slug][]cost.Amount{"oyu": {usd(5)}})},
		Query: func(_ context.Context, promql string, _ time.Time) ([]contest.Sample, error) {
			v := 2.0
			if strings.Contains(promql, "memory") {
				v = 8
			}
			return []contest.Sample{
				{Labels: map[string]string{"namespace": "alem"}, Value: v}, {Labels: map[string]string{"namespace": "kube-system"}, Value: 99},
				{Labels: map[string]string{"namespace": "oyu"}, Value: -1}, {Value: 5},
			}, nil
		},
		Link: func(contest.Team) string { return "https://contest.example" },
	})
	got := measure(t, x, team("alem", "8"), team("oyu", ""), team("zulu", "7"))
	require.Equal(t, map[string]any{"Form (KZT)": 9.0, "MONEY_SPEND (KZT)": 8.0, "CPU (core-hours)": 2.0, "Memory (GiB-hours)": 8.0}, got["alem"].Metrics["breakdown"])
	require.Equal(t, map[string]any{"AWS (USD)": 4.0, "Azure (USD)": 5.0}, got["oyu"].Metrics["breakdown"])
	require.InDelta(t, 9, got["oyu"].Metrics["totalSpent"], 0)
	require.Equal(t, "Потрачено 7 KZT: значение MONEY_SPEND", got["zulu"].Metrics["confirmationDescription"])
	require.Equal(t, "https://contest.example", got["zulu"].Metrics["confirmationUrl"])
	require.WithinDuration(t, time.Now(), got["zulu"].At, time.Minute)
}

func TestMeasureOfNobody(t *testing.T) {
	t.Parallel()
	x := exporter(t, cost.Config{Query: func(context.Context, string, time.Time) ([]contest.Sample, error) {
		t.Error("there is nothing to ask")
		return nil, nil
	}})
	require.Empty(t, measure(t, x))
}

// 200 teams with a provider and a Prometheus that hang take what one source may
// take, and those who typed their spend have a verdict all the same.
func TestHangingSourcesAreCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := exporter(t, cost.Config{
			Rules:     cost.Rules{Rule: cost.RuleRank, Points: 30},
			Providers: []cost.Provider{hanging("AWS"), billing("Azure", nil), hanging("Google Cloud")},
			Query: func(ctx context.Context, _ string, _ time.Time) ([]contest.Sample, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
		})
		var teams []contest.Team
		for i := range 200 {
			spend := fmt.Sprint(i)
			if i%5 == 0 {
				spend = ""
			}
			teams = append(teams, team(contest.Slug(fmt.Sprintf("team-%d", i)), spend))
		}
		begun := time.Now()
		got := measure(t, x, teams...)
		require.Equal(t, 8*time.Second, time.Since(begun))
		require.True(t, got["team-0"].Invalid, "its spend would have come from the bills")
		require.Equal(t, contest.NoData, got["team-0"].Status)
		require.Equal(t, contest.Passed, got["team-1"].Status)
		require.Equal(t, 30, got["team-1"].Score)
		require.Equal(t, 5, got["team-199"].Score)
		words := judged(got["team-1"])
		require.Contains(t, words, "warning AWS: AWS could not be asked for its bills: get bills: context deadline exceeded.")
		require.Contains(t, words, "warning Google Cloud: ")
		require.Contains(t, words, "warning Prometheus: What namespaces used is not known in full: ")
		require.NotContains(t, words, "Azure")
	})
}

func TestBillsAreKeptForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down error
		price := int64(1)
		aws := &cloud{name: "AWS", spend: func(context.Context, time.Time, time.Time) (map[contest.Slug][]cost.Amount, error) {
			return map[contest.Slug][]cost.Amount{"alem": {usd(price)}}, down
		}}
		x := exporter(t, cost.Config{Providers: []cost.Provider{aws}, From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)})
		total := func(teams ...contest.Team) any {
			return measure(t, x, append(teams, team("alem", ""))...)["alem"].Metrics["totalSpent"]
		}

		require.InDelta(t, 1, total(), 0)
		price = 2
		time.Sleep(59 * time.Minute)
		require.InDelta(t, 1, total(), 0)
		require.EqualValues(t, 1, aws.asked.Load(), "an answer of under an hour is used again")
		time.Sleep(time.Minute)
		require.InDelta(t, 2, total(), 0)
		price = 3
		require.InDelta(t, 3, total(team("oyu", "")), 0, "a new team is asked for")
		require.EqualValues(t, 3, aws.asked.Load())

		down = errors.New("throttled")
		time.Sleep(90 * time.Minute) // also past the contest's end: late bills are still asked for
		v := measure(t, x, team("alem", ""))["alem"]
		require.EqualValues(t, 4, aws.asked.Load())
		require.False(t, v.Invalid)
		require.InDelta(t, 3, v.Metrics["totalSpent"], 0)
		require.Contains(t, judged(v), "warning AWS: AWS could not be asked for its bills: throttled. Its bills of 1h30m0s ago are used.")
		time.Sleep(23 * time.Hour)
		v = measure(t, x, team("alem", ""))["alem"]
		require.True(t, v.Invalid, "bills of over a day ago say too little")
		down = nil
		require.False(t, measure(t, x, team("alem", ""))["alem"].Invalid)
	})
}

func TestProvidersAreAskedOneAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var under atomic.Int32
		aws := &cloud{name: "AWS", spend: func(context.Context, time.Time, time.Time) (map[contest.Slug][]cost.Amount, error) {
			require.EqualValues(t, 1, under.Add(1))
			defer under.Add(-1)
			time.Sleep(5 * time.Second)
			return map[contest.Slug][]cost.Amount{"alem": {usd(1)}}, nil
		}}
		x := exporter(t, cost.Config{Providers: []cost.Provider{aws}})
		done := make(chan bool)
		for range 3 {
			go func() {
				done <- x.Measure(t.Context(), []contest.Team{team("alem", "")}, func(contest.Verdict) {}) == nil
			}()
		}
		for range 3 {
			require.True(t, <-done)
		}
		require.EqualValues(t, 1, aws.asked.Load())
	})
}

func TestWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // begins at midnight UTC, 1 January 2000
		now := time.Now()
		rows := map[string]struct{ from, to, wantFrom, wantTo time.Time }{
			"no bounds":         {wantFrom: now.AddDate(0, 0, -30), wantTo: now},
			"under way":         {from: now.Add(-time.Hour), to: now.Add(time.Hour), wantFrom: now.Add(-time.Hour), wantTo: now},
			"over":              {from: now.Add(-2 * time.Hour), to: now.Add(-time.Hour), wantFrom: now.Add(-2 * time.Hour), wantTo: now.Add(-time.Hour)},
			"not begun":         {from: now.Add(time.Hour)},
			"ends as it begins": {from: now.Add(-time.Hour), to: now.Add(-time.Hour)},
		}
		for name, row := range rows {
			var from, to time.Time
			aws := &cloud{name: "AWS", spend: func(_ context.Context, f, u time.Time) (map[contest.Slug][]cost.Amount, error) {
				from, to = f, u
				return nil, nil
			}}
			measure(t, exporter(t, cost.Config{Providers: []cost.Provider{aws}, From: row.from, To: row.to}), team("alem", "1"))
			require.True(t, row.wantFrom.Equal(from) && row.wantTo.Equal(to), "%s: %s to %s", name, from, to)
		}
	})
}

func TestMeasureFails(t *testing.T) {
	t.Parallel()
	never := func(contest.Verdict) { t.Error("there is no verdict without the form") }
	x := exporter(t, cost.Config{Entries: func(context.Context) (map[contest.Slug]cost.Entry, error) { return nil, errors.New("disk full") }})
	require.ErrorContains(t, x.Measure(t.Context(), []contest.Team{team("alem", "1")}, never), "read the form's entries: disk full")

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	x = exporter(t, cost.Config{Providers: []cost.Provider{hanging("AWS")}})
	require.ErrorIs(t, x.Measure(ended, []contest.Team{team("alem", "1")}, never), context.Canceled)
}

func TestLongErrorsAreCut(t *testing.T) {
	t.Parallel()
	aws := &cloud{name: "AWS", spend: func(context.Context, time.Time, time.Time) (map[contest.Slug][]cost.Amount, error) {
		return nil, errors.New("line\nbreak\x1b[31m." + strings.Repeat("я", 1000))
	}}
	words := judged(measure(t, exporter(t, cost.Config{Providers: []cost.Provider{aws}}), team("alem", "1"))["alem"])
	require.Contains(t, words, "line break [31m.я")
	require.Less(t, len(words), 800)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	rows := map[string]cost.Config{
		`rule "cheapest" is not known`:           {Rules: cost.Rules{Rule: "cheapest"}},
		`currency "tenge" is not known`:          {Rules: cost.Rules{Currency: "tenge"}},
		"zero or more":                           {Rules: cost.Rules{Points: -1}},
		`provider name "" is empty or taken`:     {Providers: []cost.Provider{billing("", nil)}},
		`provider name "AWS" is empty or taken`:  {Providers: []cost.Provider{billing("AWS", nil), billing("AWS", nil)}},
		`provider name "form" is empty or taken`: {Providers: []cost.Provider{billing("form", nil)}},
	}
	for want, cfg := range rows {
		_, err := cost.New(cfg)
		require.ErrorContains(t, err, want)
	}
	_, err := cost.New(cost.Config{Timeout: -1})
	require.ErrorContains(t, err, "zero or more")
}

func ExampleExporter_Measure() {
	x, err := cost.New(cost.Config{Rules: cost.Rules{Rule: cost.RuleRank, Points: 30}})
	if err != nil {
		fmt.Println(err)
		return
	}
	teams := []contest.Team{{Slug: "alem", Spend: "12 000 тенге"}, {Slug: "oyu", Spend: "3k"}}
	err = x.Measure(context.Background(), teams, func(v contest.Verdict) {
		fmt.Println(v.Team.Slug, v.Status, v.Score, v.Metrics["totalSpent"], v.Metrics["currency"])
	})
	fmt.Println(err)
	// Output:
	// alem PASSED 5 12000 KZT
	// oyu PASSED 30 3000 KZT
	// <nil>
}
