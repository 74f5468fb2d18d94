package contest_test

import (
	"encoding/json"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"5m": 5 * time.Minute, "1m30s": 90 * time.Second, "1500": 1500 * time.Millisecond, "0": 0, " 10s\n": 10 * time.Second,
		"1.5h": 90 * time.Minute, "9223372036854": 9223372036854 * time.Millisecond,
	} {
		var d contest.Duration
		require.NoError(t, d.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, d.D(), text)
	}
	for text, want := range map[string]string{
		"": "is not a duration", "5": "", "-5": "is not a duration", "-5m": "is not a duration", "five": "is not a duration",
		"5 m": "is not a duration", "1e3": "is not a duration", "1.5": "is not a duration", "9223372036855": "too long",
		"-9223372036854775808": "is not a duration", // times a million it would wrap round to 0
		"99999999999999999999": "is not a duration", "300000000h": "is not a duration",
	} {
		d := contest.Duration(7)
		err := d.UnmarshalText([]byte(text))
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		require.ErrorContains(t, err, want, text)
		require.Equal(t, contest.Duration(7), d, "an error changes nothing")
	}
	doc, err := json.Marshal(contest.Level{Duration: contest.Duration(90 * time.Second)})
	require.NoError(t, err)
	require.Contains(t, string(doc), `"duration":"1m30s"`)
}

func TestTargetOf(t *testing.T) {
	t.Parallel()
	for endpoint, want := range map[string]string{
		"http://team.kz":                        "team.kz:80",
		"https://team.kz/":                      "team.kz:443",
		"HTTPS://TEAM.KZ:8443/api?x=1#y":        "team.kz:8443",
		"http://team.kz.:80":                    "team.kz:80",
		"http://team.kz:":                       "team.kz:80",
		"http://team.kz:0080":                   "team.kz:80",
		"http://team.kz:65535":                  "team.kz:65535",
		"http://user:pass@team.kz":              "team.kz:80",
		"http://127.0.0.1:9":                    "127.0.0.1:9",
		"http://[::1]":                          "[::1]:80",
		"http://[0:0:0:0:0:0:0:1]:8080/":        "[::1]:8080",
		"http://[2001:DB8::1]":                  "[2001:db8::1]:80",
		"http://[::ffff:192.0.2.1]:80":          "192.0.2.1:80",
		"http://[fe80::1%25eth0]:80":            "[fe80::1%eth0]:80",
		"http://Билет.кз":                       "билет.кз:80",
		"http://xn--90aetj.xn--80ao21a:3000/ru": "xn--90aetj.xn--80ao21a:3000",
		"http://under_score:1":                  "under_score:1",
	} {
		got, err := contest.TargetOf(endpoint)
		require.NoError(t, err, endpoint)
		require.Equal(t, want, got, endpoint)
		got, err = contest.Team{Endpoint: endpoint}.Target()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	const web, host, port, noURL = "starts with http:// or https://", "has no host", "port that does not exist", "is not a URL"
	for endpoint, want := range map[string]string{
		"": web, "team.kz": web, "//team.kz": web, "/api": web, "javascript:alert('secret')": web, "ftp://user:secret@team.kz": web,
		"localhost:8080": web, "user:secret@team.kz": web, "mailto:secret@team.kz": web, "file:///etc/secret": web,
		"http://": host, "http:///api": host, "https://:443": host, "http:team.kz": host, "http://./": host, "http://user:secret@": host,
		"http://team.kz:0": port, "http://team.kz:65536": port, "http://user:secret@team.kz:99999999999999999999": port,
		"http://user:secret": noURL, "http://user:sec ret@team.kz": noURL, "http://user:secret@te am": noURL, "http://[::1": noURL,
		"http://team.kz:-1": noURL, "http://user:secret%zz@team.kz": noURL, "http://team.kz/\x7fsecret": noURL, " http://team.kz": noURL,
	} {
		got, err := contest.TargetOf(endpoint)
		require.ErrorContains(t, err, want, endpoint)
		require.NotContains(t, err.Error(), "sec", endpoint)
		require.NotContains(t, err.Error(), "user", endpoint)
		require.Empty(t, got)
	}
}

func FuzzTargetOf(f *testing.F) {
	for _, seed := range []string{"http://a", "https://u:p@[::1%25a]:1/x", "HTTP://A.:080", "http://:1", "a:b@c", "http://[::ffff:1.2.3.4]", "http://.."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, endpoint string) {
		got, err := contest.TargetOf(endpoint)
		if err != nil {
			require.Empty(t, got)
			if word := strings.TrimSpace(endpoint); len(word) > 20 && !strings.HasPrefix(word, "http") {
				require.NotContains(t, err.Error(), word)
			}
			return
		}
		// A target is the same, however often one looks at it.
		if !strings.ContainsAny(got, "%/?#@\\ \"<>^`{}|") {
			again, err := contest.TargetOf("http://" + got)
			require.NoError(t, err)
			require.Equal(t, got, again)
		}
	})
}

func TestLevel(t *testing.T) {
	t.Parallel()
	rows := []struct {
		users       int
		unit, bound time.Duration
		requests    int
		want        int
	}{
		{10, 0, 2 * time.Second, 1, 41},                        // 10/s × max(4 s, 3 s)
		{10, time.Second, 500 * time.Millisecond, 1, 16},       // 10/s × max(1 s, 1.5 s)
		{10, time.Second, time.Second, 3, 61},                  // both terms agree
		{50_000, 10 * time.Minute, 2 * time.Second, 1, 335},    // 83.3/s × 4 s = 333.3
		{7, 700 * time.Millisecond, 2 * time.Second, 1, 41},    // 10/s exactly
		{1, time.Hour, 2 * time.Second, 0, 2},                  // never fewer than one and a spare
		{0, time.Second, 2 * time.Second, 5, 1},                // nobody comes
		{100_000, 10 * time.Minute, 2 * time.Second, 4, 2_669}, // ceil(666.7) × 4 + 1
	}
	for _, row := range rows {
		l := contest.Level{Users: row.users, TimeUnit: contest.Duration(row.unit)}
		require.Equal(t, row.want, l.VUs(row.bound, row.requests), "%+v", row)
	}
	for users := 1; users < 400; users++ { // exact, also where a rounded rate would be off by one
		for _, unit := range []time.Duration{300 * time.Millisecond, 700 * time.Millisecond, 7 * time.Second, 11 * time.Minute} {
			l := contest.Level{Users: users, TimeUnit: contest.Duration(unit)}
			busy, rest := new(big.Int).DivMod(big.NewInt(int64(users)*int64(4*time.Second)), big.NewInt(int64(unit)), new(big.Int))
			require.Equal(t, int(busy.Int64())+rest.Sign()+1, l.VUs(2*time.Second, 1), "%d per %s", users, unit)
		}
	}
	require.InDelta(t, 83.333, contest.Level{Users: 50_000, TimeUnit: contest.Duration(10 * time.Minute)}.Rate(), 0.001)
	require.Equal(t, time.Second, contest.Level{TimeUnit: -1}.Unit())
}

func sorted(random *rand.Rand, n int) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = random.Float64() * 100
	}
	slices.Sort(all)
	return all
}

func TestQuantileHoldsTheTrueOne(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 500 {
		samples := sorted(random, 1+random.IntN(300))
		h := contest.Histogram{Count: float64(len(samples))}
		for low := 0.0; low < 100; low += 2.5 {
			b := contest.Bucket{Low: low, High: low + 2.5}
			for _, s := range samples {
				if s > b.Low && s <= b.High {
					b.Count++
				}
			}
			h.Buckets = append(h.Buckets, b)
		}
		for _, q := range []float64{0, 0.01, 0.5, 0.95, 0.99, 1} {
			got := h.Quantile(q)
			truth := samples[max(0, int(math.Ceil(q*float64(len(samples))-1e-9))-1)]
			require.LessOrEqual(t, got.Low, truth)
			require.GreaterOrEqual(t, got.High, truth)
			require.GreaterOrEqual(t, got.Value, got.Low)
			require.LessOrEqual(t, got.Value, got.High)
		}
	}
}

func TestQuantileEdges(t *testing.T) {
	t.Parallel()
	two := []contest.Bucket{{Low: 1, High: 4, Count: 2}, {Low: 4, High: 8}, {Low: 8, High: 16, Count: 2}}
	rows := map[string]struct {
		h    contest.Histogram
		q    float64
		want contest.Quantile
	}{
		"lowest":                     {contest.Histogram{Count: 4, Buckets: two}, 0, contest.Quantile{Value: 1, Low: 1, High: 4}},
		"exponential inside":         {contest.Histogram{Count: 4, Buckets: two}, 0.25, contest.Quantile{Value: 2, Low: 1, High: 4}},
		"at a bucket's end":          {contest.Histogram{Count: 4, Buckets: two}, 0.5, contest.Quantile{Value: 4, Low: 1, High: 4}},
		"empty buckets are passed":   {contest.Histogram{Count: 4, Buckets: two}, 0.51, contest.Quantile{Value: 8 * math.Pow(2, 0.02), Low: 8, High: 16}},
		"highest":                    {contest.Histogram{Count: 4, Buckets: two}, 1, contest.Quantile{Value: 16, Low: 8, High: 16}},
		"count a hair above the sum": {contest.Histogram{Count: 4.0000001, Buckets: two}, 1, contest.Quantile{Value: 16, Low: 8, High: 16}},
		"linear in the zero bucket":  {contest.Histogram{Count: 2, Buckets: []contest.Bucket{{Low: 0, High: 1, Count: 2}}}, 0.5, contest.Quantile{Value: 0.5, Low: 0, High: 1}},
	}
	for name, row := range rows {
		got := row.h.Quantile(row.q)
		require.InDelta(t, row.want.Value, got.Value, 1e-9, name)
		require.Equal(t, [2]float64{row.want.Low, row.want.High}, [2]float64{got.Low, got.High}, name)
	}
	for name, h := range map[string]contest.Histogram{"zero": {}, "empty buckets": {Count: 3, Buckets: []contest.Bucket{{Low: 1, High: 2}}}} {
		got := h.Quantile(0.5)
		require.True(t, math.IsNaN(got.Value) && math.IsNaN(got.Low) && math.IsNaN(got.High), name)
	}
}

func TestTestID(t *testing.T) {
	t.Parallel()
	longest := contest.NewTestID(contest.Slug(strings.Repeat("T", 100)), "cancellation", 100_000, "01k9zzzzzzzzzzzzzzzzzzzzzz")
	require.True(t, longest.Valid(), longest)
	require.Equal(t, contest.TestID("Team_1-search-50-x"), contest.NewTestID("Team_1", "search", 50, "x"))
	for _, bad := range []contest.TestID{"", "a b", "a/b", "..", "a\n", `a"b`, "ü", "a,b", contest.TestID(strings.Repeat("x", 201))} {
		require.False(t, bad.Valid(), "%q", bad)
	}
	for slug, valid := range map[contest.Slug]bool{
		"good": true, "A_b-9": true, contest.Slug(strings.Repeat("x", 100)): true, contest.Slug(strings.Repeat("x", 101)): false,
		"": false, "a b": false, "a\n": false, "ü": false, "../x": false, "a.b": false,
	} {
		require.Equal(t, valid, slug.Valid(), "%q", slug)
	}
}

func TestShownHidesWhatIsSecure(t *testing.T) {
	t.Parallel()
	team := contest.Team{Slug: "good", Endpoint: "https://team.kz", Repository: "https://github.com/x/y", Spend: "12"}
	require.Equal(t, team, team.Shown(), "nothing is secure")
	team.Secure = []string{"endpoint", "spend"}
	shown := team.Shown()
	require.Equal(t, "<secret>", shown.Endpoint)
	require.Equal(t, "https://github.com/x/y", shown.Repository)
	require.Equal(t, "<secret>", shown.Spend)
	require.Equal(t, "https://team.kz", team.Endpoint, "the team itself keeps it")
	team.Spend = ""
	require.Empty(t, team.Shown().Spend, "what is not there is not hidden")
}

func TestHideTakesAddressesOutOfSentences(t *testing.T) {
	t.Parallel()
	team := contest.Team{
		Endpoint: "https://user:pass-word@API.team.kz:8443/tickets/", Repository: "https://github.com/owner/tickets.git",
		Secure: []string{contest.SecureEndpoint, contest.SecureRepository},
	}
	for name, row := range map[string]struct{ text, want string }{
		"nothing of it":      {"The endpoint answered 500 after 12 ms.", "The endpoint answered 500 after 12 ms."},
		"the whole":          {"GET " + team.Endpoint + ": refused", "GET <secret>: refused"},
		"without its end":    {"GET https://user:pass-word@API.team.kz:8443/tickets: refused", "GET <secret>: refused"},
		"without its scheme": {"dial API.team.kz:8443/tickets", "dial <secret>"},
		"its host":           {"dial tcp API.team.kz:8443: refused", "dial tcp <secret>: refused"},
		"its host in small":  {"lookup api.team.kz: no such host", "lookup <secret>: no such host"},
		"its password":       {"login with pass-word failed", "login with <secret> failed"},
		"the repository":     {"clone https://github.com/owner/tickets.git failed", "clone <secret> failed"},
		"the repository as a path": {
			"owner/tickets is not there. Want an address like https://github.com/owner/name.",
			"<secret> is not there. Want an address like https://github.com/owner/name.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, team.Hide(row.text))
			require.Equal(t, row.want, team.Hide(team.Hide(row.text)), "twice is once")
			require.Equal(t, row.text, contest.Team{Endpoint: team.Endpoint, Repository: team.Repository}.Hide(row.text), "nothing is secure")
		})
	}
	short := contest.Team{Endpoint: "http://a/", Secure: []string{contest.SecureEndpoint}}
	require.Equal(t, "a team", short.Hide("a team"), "parts of words stay")
	none := contest.Team{Secure: []string{contest.SecureEndpoint, contest.SecureRepository}}
	require.Equal(t, "a/b", none.Hide("a/b"), "what is not there is nowhere")
}

func TestVerdictAndRunAsPeopleSeeThem(t *testing.T) {
	t.Parallel()
	team := contest.Team{Slug: "good", Endpoint: "https://team.kz", Secure: []string{contest.SecureEndpoint}}
	v := contest.Verdict{
		Team: team, Metrics: map[string]any{"endpointUrl": "https://team.kz", "statusCode": 200},
		Findings: []contest.Finding{{Sentence: "team.kz:443 refused"}},
	}
	shown := v.Shown()
	require.Equal(t, "<secret>", shown.Team.Endpoint)
	require.Equal(t, map[string]any{"endpointUrl": "<secret>", "statusCode": 200}, shown.Metrics)
	require.Equal(t, "<secret>:443 refused", shown.Findings[0].Sentence)
	require.Equal(t, "https://team.kz", v.Metrics["endpointUrl"], "the verdict itself keeps it")
	require.Equal(t, "team.kz:443 refused", v.Findings[0].Sentence)
	require.Equal(t, shown, shown.Shown())
	require.Equal(t, "<secret>", contest.Run{Team: team, Target: "team.kz:443"}.Shown().Target)
	require.Equal(t, "team.kz:443", contest.Run{Team: contest.Team{}, Target: "team.kz:443"}.Shown().Target)
}
