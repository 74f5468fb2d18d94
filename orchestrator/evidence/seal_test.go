package evidence_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/evidence"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample is evidence with something in every field.
func sample(t testing.TB) contest.Evidence {
	t.Helper()
	started := time.Date(2025, 8, 16, 12, 0, 0, 5, time.FixedZone("Asia/Almaty", 5*3600))
	s := subject(t, "good-search-10-01jd", started, 1)
	return contest.Evidence{
		Version: contest.EvidenceVersion, Run: s.Run.ID, TestID: s.Run.TestID, Team: "good",
		Criterion: contest.EventSearch, Scenario: "search", Level: s.Run.Level, Endpoint: s.Run.Team.Endpoint,
		Window: contest.Window{From: started, To: started.Add(7 * time.Second)},
		Script: s.Script, ConfigHash: s.ConfigHash, Preflight: s.Preflight, Launch: s.Launch,
		Thresholds: []contest.ThresholdCount{
			{Threshold: s.Script.Thresholds[0], Within: 95, Samples: 100},
			{Threshold: s.Script.Thresholds[1], Within: 1, Samples: 100},
		},
		Counts: []contest.Count{
			{Name: "checks_true", Scenario: "steady", Label: `статус "200"`, Value: 99},
			{Name: "http_reqs", Scenario: "steady", Label: "true", Value: 100},
			{Name: "http_reqs", Scenario: "steady/true", Value: 1},
		},
		Latency: &contest.Latency{Samples: 100, Mean: 11, P95: contest.Quantile{Value: 19, Low: 18, High: 20},
			Buckets: []contest.Bucket{{Low: 10, High: 20, Count: 100}}},
		Generators: []contest.GeneratorHealth{{Instance: "0", Finished: true, CPU: 0.25}},
		Queries:    []contest.AskedQuery{{Name: "counters", PromQL: "up", At: started}},
		Gaps:       []string{},
	}
}

func TestSealGolden(t *testing.T) {
	t.Parallel()
	sealed, err := evidence.Seal(sample(t))
	require.NoError(t, err)
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n%s\n", sealed.JSON, sealed.SHA256)
	for _, path := range slices.Sorted(maps.Keys(sealed.Parts)) {
		fmt.Fprintf(&text, "%s %s\n", sealed.Parts[path], path)
	}
	golden := filepath.Join("testdata", "sealed.txt")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(text.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), text.String(), "stored evidence could not be checked any more")
}

func TestSealedEvidenceComesBack(t *testing.T) {
	t.Parallel()
	e := sample(t)
	sealed, err := evidence.Seal(e)
	require.NoError(t, err)
	require.Empty(t, sealed.Check())
	back, err := sealed.Evidence()
	require.NoError(t, err)
	again, err := evidence.Seal(back)
	require.NoError(t, err)
	require.Equal(t, sealed, again)

	e.Latency.Mean = math.NaN()
	_, err = evidence.Seal(e)
	require.ErrorContains(t, err, "NaN")
}

func TestCheckNamesWhatWasTamperedWith(t *testing.T) {
	t.Parallel()
	edit := func(old, new string) func(*evidence.Sealed) {
		return func(s *evidence.Sealed) {
			text := strings.Replace(string(s.JSON), old, new, 1)
			if text == string(s.JSON) {
				panic("nothing to edit: " + old)
			}
			s.JSON = []byte(text)
		}
	}
	const threshold = "thresholds/http_req_duration{scenario:steady}: p(95)<2000"
	tests := []struct {
		name   string
		tamper func(*evidence.Sealed)
		want   []string
	}{
		{"a count", edit(`"label":"true","value":100`, `"label":"true","value":101`), []string{"counts/http_reqs/steady/true: the value was changed"}},
		{"a count of the same path", edit(`"scenario":"steady/true","value":1`, `"scenario":"steady/true","value":2`), []string{"counts/http_reqs/steady/true#2: the value was changed"}},
		{"a threshold's count", edit(`"within":95`, `"within":99`), []string{threshold + ": the value was changed"}},
		{"a threshold's bound", edit(`"bound":2000},"within"`, `"bound":3000},"within"`), []string{
			threshold + ": was removed", "thresholds/http_req_duration{scenario:steady}: p(95)<3000: was added"}},
		{"p95", edit(`"p95":{"value":19`, `"p95":{"value":9`), []string{"latency/p95: the value was changed"}},
		{"the script's hash", edit(`"sha256":"ab`, `"sha256":"cb`), []string{"script/sha256: the value was changed"}},
		{"a rule of the script", edit(`"bound":0.95`, `"bound":0.5`), []string{"script/thresholds: the value was changed"}},
		{"the rules' hash", edit(`"configHash":"cd`, `"configHash":"00`), []string{"configHash: the value was changed"}},
		{"the launch", edit(`"generators":1`, `"generators":2`), []string{"launch: the value was changed"}},
		{"a generator", edit(`"finished":true`, `"finished":false`), []string{"generators/0: the value was changed"}},
		{"a query", edit(`"promql":"up"`, `"promql":"down"`), []string{"queries/counters: the value was changed"}},
		{"a gap", edit(`"counts":[`, `"gaps":["we were asleep"],"counts":[`), []string{"gaps: the value was changed"}},
		{"another team", edit(`"team":"good"`, `"team":"slow"`), []string{"team: the value was changed"}},
		{"the hash of a part", func(s *evidence.Sealed) { s.Parts["launch"] = s.Parts["run"] }, []string{"launch: its hash was changed, the value was not"}},
		{"a hash taken away", func(s *evidence.Sealed) { delete(s.Parts, "launch") }, []string{"launch: its hash is missing"}},
		{"a hash put in", func(s *evidence.Sealed) { s.Parts["lunch"] = "" }, []string{"lunch: is a hash of nothing"}},
		{"the hash of the whole", func(s *evidence.Sealed) { s.SHA256 = s.Parts["run"] }, []string{"sha256: the hash of the whole was changed, the evidence was not"}},
		{"a space", edit(`,"team"`, `, "team"`), []string{"evidence: the text was rewritten, its values were not changed"}},
		{"text after the end", edit(`"at":"2025-08-16T12:00:00.000000005+05:00"}]}`, `"at":"2025-08-16T12:00:00.000000005+05:00"}]}{}`),
			[]string{"evidence: the text was rewritten, its values were not changed"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sealed, err := evidence.Seal(sample(t))
			require.NoError(t, err)
			tt.tamper(&sealed)
			require.Equal(t, tt.want, sealed.Check())
		})
	}
	for name, text := range map[string]string{"cut": `{"version":`, "unknown key": `{"verson":1}`, "empty": ``} {
		found := evidence.Sealed{JSON: []byte(text)}.Check()
		require.Len(t, found, 1, name)
		require.Contains(t, found[0], "read sealed evidence", name)
	}
}

// Whatever single leaf of the JSON is changed, something is found.
func TestNoLeafIsOutsideTheSeal(t *testing.T) {
	t.Parallel()
	sealed, err := evidence.Seal(sample(t))
	require.NoError(t, err)
	var tree any
	require.NoError(t, json.Unmarshal(sealed.JSON, &tree))
	leaves := 0
	walk(tree, func() {
		leaves++
		changed := sealed
		changed.JSON, err = json.Marshal(tree)
		require.NoError(t, err)
		for _, found := range changed.Check() {
			require.NotContains(t, found, "was rewritten", string(changed.JSON))
		}
		require.NotEmpty(t, changed.Check(), string(changed.JSON))
	})
	require.Greater(t, leaves, 80)
}

// walk changes each number, string and boolean in turn, calls found, and puts
// the old value back.
func walk(node any, found func()) {
	try := func(value any, set func(any)) {
		switch v := value.(type) {
		case float64:
			set(v + 1)
		case bool:
			set(!v)
		case string:
			switch _, isTime := time.Parse(time.RFC3339Nano, v); {
			case isTime == nil:
				set("2001-02-03T04:05:06Z")
			case strings.HasSuffix(v, "s") && strings.ContainsAny(v, "0123456789"):
				set("77s") // a duration, or a text as good as any
			default:
				set(v + "x")
			}
		default:
			walk(v, found)
			return
		}
		found()
		set(value)
	}
	switch v := node.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			try(v[k], func(x any) { v[k] = x })
		}
	case []any:
		for i := range v {
			try(v[i], func(x any) { v[i] = x })
		}
	}
}
