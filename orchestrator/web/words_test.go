package web

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func FuzzShown(f *testing.F) {
	for _, seed := range []string{"", "Team", "a\x00b", "\u202egnp.exe", "👩\u200d💻", "\xff\xfe", "z\u0321\u0321\u0321\u0321", " \t\r\n "} {
		f.Add(seed, 10)
	}
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = 2 + int(uint(most)%600)
		got := shown(s, most)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > most {
			t.Fatalf("shown(%q, %d) = %q", s, most, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || (unicode.Is(unicode.Cf, r) && r != '\u200d') {
				t.Fatalf("shown(%q, %d) keeps %U", s, most, r)
			}
		}
		if again := shown(got, most); again != got {
			t.Fatalf("shown is not settled: %q, then %q", got, again)
		}
	})
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]float64{
		"0": 0, "7": 7, "999": 999, "1,000": 1000, "1,234,567.89": 1234567.891, "−12.5": -12.5, "0.1": 0.1, "100": 99.999,
		"–": math.NaN(), "∞": math.Inf(1), "−∞": math.Inf(-1),
	} {
		assert.Equal(t, want, number(v))
	}
}

func TestAmount(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "1\u202fgenerator", amount(1, "generators"))
	assert.Equal(t, "2\u202fgenerators", amount(2, "generators"))
	assert.Equal(t, "1\u202fms", amount(1, "ms"))
	assert.Equal(t, "1", amount(1, ""))
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"0s": 0, "850ms": 850 * time.Millisecond, "5s": 5 * time.Second, "3.5s": 3512 * time.Millisecond, "1m": time.Minute, "1m30s": 90 * time.Second, "1m20s": 80 * time.Second,
		"10m": 10 * time.Minute, "1h10m": 70 * time.Minute, "1h": time.Hour,
	} {
		assert.Equal(t, want, span(d))
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	w := words{lang: english}
	assert.Equal(t, "50,000 users in 10m", w.users(contest.Level{Users: 50000, TimeUnit: contest.Duration(10 * time.Minute)}))
	assert.Equal(t, "30 users per second", w.users(contest.Level{Users: 30}))
}

func TestMetricOfAnyType(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		value any
		want  float64
		ok    bool
	}{
		"float": {1.5, 1.5, true}, "int": {7, 7, true}, "int64": {int64(8), 8, true}, "json": {json.Number("9.5"), 9.5, true},
		"bad json": {json.Number("x"), 0, false}, "text": {"7", 0, false}, "nil": {nil, 0, false}, "NaN": {math.NaN(), 0, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := metric(map[string]any{"k": tc.value}, "k")
			assert.Equal(t, tc.ok, ok)
			if ok {
				assert.InDelta(t, tc.want, got, 0)
			}
		})
	}
}

func TestWebURL(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://grafana.example/d/x?a=b": "https://grafana.example/d/x?a=b", "http://h/": "http://h/",
		"javascript:alert(1)": "", "JaVaScRiPt:alert(1)": "", "//h/x": "", "/runs/1": "", "data:text/html,x": "", "https://": "", "%zz": "", "": "",
	} {
		assert.Equal(t, want, webURL(in), in)
	}
}

func TestDraw(t *testing.T) {
	t.Parallel()
	w := words{lang: english}
	assert.Nil(t, w.draw(nil, nil))
	assert.Nil(t, w.draw(&contest.Latency{}, nil))
	assert.Nil(t, w.draw(&contest.Latency{Buckets: []contest.Bucket{{Low: 1, High: 2}}}, nil), "an empty bucket is nothing to draw")

	buckets := map[string][]contest.Bucket{
		"one bucket":     {{Low: 10, High: 10.1, Count: 5}},
		"from zero":      {{Low: 0, High: 0.001, Count: 1}, {Low: 10, High: 11, Count: 5}},
		"to infinity":    {{Low: 1, High: 2, Count: 1}, {Low: 2, High: math.Inf(1), Count: 1}},
		"seven decades":  {{Low: 0.001, High: 0.002, Count: 1}, {Low: 9000, High: 10000, Count: 9}},
		"only very slow": {{Low: 59000, High: 60000, Count: 3}},
	}
	for name, b := range buckets {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := w.draw(&contest.Latency{Buckets: b, P95: contest.Quantile{Value: b[0].High}}, &contest.Threshold{Bound: 2000})
			assert.NotNil(t, c)
			assert.NotEmpty(t, c.Bars)
			assert.NotEmpty(t, c.Ticks)
			assert.True(t, c.Bound.At > 0 && c.Bound.At < 100, "the bound stands among the bars")
			assert.LessOrEqual(t, len(c.Ticks), 12)
			for _, bar := range c.Bars {
				assert.GreaterOrEqual(t, bar.X, 0.0)
				assert.LessOrEqual(t, bar.X+bar.W, 100.0)
				assert.GreaterOrEqual(t, bar.Y, 0.0)
				assert.InDelta(t, 100.0, bar.Y+bar.H, 0.11)
			}
			for _, mark := range c.Ticks {
				assert.True(t, mark.At >= 0 && mark.At <= 100, "tick at %g", mark.At)
			}
		})
	}
}

// On a phone the style sheet writes each criterion's name above its cell, because
// a name in each cell of many teams would be half of the page.
func TestStyleNamesTheCriteria(t *testing.T) {
	t.Parallel()
	style, err := files.ReadFile("templates/style.css")
	require.NoError(t, err)
	for _, lang := range languages() {
		w := words{lang: lang, phrases: loadPhrases(lang)}
		before := map[string]string{english: "\n", russian: ":lang(ru) "}[lang]
		for i, c := range contest.Criteria() {
			place := fmt.Sprintf("td:nth-child(%d)", i+3) // after rank and team
			if c == contest.JudgeScore {
				place = ".judged"
			}
			assert.Contains(t, string(style), fmt.Sprintf("%s.board %s::before{content:%q}", before, place, w.title(c)))
		}
		assert.Contains(t, string(style), fmt.Sprintf("%s.board td:last-child::before{content:%q}", before, w.say("Total")))
	}
}

// Stages stand in the order of their beginnings, from the first measurement on:
// generators may take a while to start.
func TestStagesBeginWithTheGenerators(t *testing.T) {
	t.Parallel()
	second := contest.Duration(time.Second)
	script := contest.Script{Scenarios: []contest.ScriptScenario{
		{Name: "steady", Start: 10 * second, Duration: 10 * second}, {Name: "warmup", Duration: 10 * second},
	}}
	o := words{lang: english}.over(&contest.Course{Step: second, Points: []contest.CoursePoint{{At: 21}, {At: 22}}}, script, nil)
	assert.Equal(t, "warmup", o.Phases[0].Name)
	assert.Equal(t, bandX{50, 25}, o.Phases[0].bandX, "20 s were lost before the load, of 40 in all")
	assert.Equal(t, bandX{75, 25}, o.Phases[1].bandX)
	assert.Equal(t, &bandX{75, 25}, o.Graphs[0].Shade)
}
