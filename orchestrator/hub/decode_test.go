package hub

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestDecodersNameWhatIsWrong(t *testing.T) {
	t.Parallel()
	decoders := map[string]func([]byte) error{
		"teams":       func(b []byte) error { _, err := decodeTeams(b); return err },
		"environment": func(b []byte) error { _, err := decodeEnvironment(b); return err },
		"criteria":    func(b []byte) error { _, err := decodeCriteria(b); return err },
		"criterion":   func(b []byte) error { _, _, err := decodeCriterion(b); return err },
		"bulk":        func(b []byte) error { _, err := decodeBulk(b, 1); return err },
		"put":         decodePut,
	}
	for _, tc := range []struct {
		name, body string
		want       error
	}{
		{"nothing", "", ErrTruncated},
		{"HTML", " \n<!DOCTYPE html><html>", ErrHTML},
		{"cut off", `{"teams":[{"nickname":"a`, ErrTruncated},
		{"plain text", "OK", ErrSchema},
		{"null", "null", ErrSchema},
		{"a list", "[]", ErrSchema},
		{"another object", `{"data":[]}`, ErrSchema},
		{"other types", `{"teams":{},"criteria":[1],"teamSlug":[],"updatedEntries":"1","action":7}`, ErrSchema},
	} {
		for name, decode := range decoders {
			t.Run(name+"/"+tc.name, func(t *testing.T) {
				t.Parallel()
				require.ErrorIs(t, decode([]byte(tc.body)), tc.want)
			})
		}
	}
}

func TestDecodeBulkAccountsForEveryUpdate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, body string
		sent       int
		good       bool
	}{
		{"all", `{"updatedEntries":1,"createdEntries":2,"processedTeams":1,"totalRequests":3}`, 3, true},
		{"one refused", `{"updatedEntries":1,"createdEntries":1,"totalRequests":3,"errors":[{"teamSlug":"a","criteriaType":"CODE_REPO","error":"x"}]}`, 3, true},
		{"none", `{"updatedEntries":0,"createdEntries":0,"totalRequests":0}`, 0, true},
		{"one lost", `{"updatedEntries":1,"createdEntries":1,"totalRequests":3}`, 3, false},
		{"another bulk's answer", `{"updatedEntries":2,"createdEntries":0,"totalRequests":2}`, 3, false},
		{"negative", `{"updatedEntries":4,"createdEntries":-1,"totalRequests":3}`, 3, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := decodeBulk([]byte(tc.body), tc.sent)
			assert.Equal(t, tc.good, err == nil, "%v", err)
		})
	}
}

func TestDecodeCriteria(t *testing.T) {
	t.Parallel()
	entries, err := decodeCriteria([]byte(`{"criteria":[
		{"team":{"nickname":"zulu"},"hackathonId":"h","criteriaType":"CODE_REPO","status":"PASSED","score":1,
		 "metrics":{"commitsCount":12},"updatedBy":"git","lastUpdated":"2025-08-16T10:00:00.123Z"},
		{"team":{"nickname":"zulu"},"criteriaType":"JUDGE_SCORE","status":"NO_DATA","score":null,"metrics":[1],"lastUpdated":"2025-08-16T10:00:00Z"}]}`))
	require.NoError(t, err)
	score := 1
	assert.Equal(t, []Entry{
		{Team: "zulu", HackathonID: "h", Criterion: contest.CodeRepo, Status: contest.Passed, Score: &score,
			Metrics: map[string]any{"commitsCount": 12.0}, UpdatedBy: "git", LastUpdated: time.Date(2025, 8, 16, 10, 0, 0, 123e6, time.UTC)},
		{Team: "zulu", Criterion: contest.JudgeScore, Status: contest.NoData, LastUpdated: time.Date(2025, 8, 16, 10, 0, 0, 0, time.UTC)},
	}, entries)
}

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 8, 16, 10, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-1": 0, "soon": 0, "999999": time.Hour,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):       0,
	} {
		assert.Equal(t, want, parseRetryAfter(header, now), "%q", header)
	}
}

func TestMasked(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"***": true, "http***8080": true, "http://a***b": false, "": false, "https://example.org": false, "****": false,
	} {
		assert.Equal(t, want, masked(value), "%q", value)
	}
}

// TestPickTrustsTheFlag: a value that is marked secret is not used, whatever it
// looks like.
func TestPickTrustsTheFlag(t *testing.T) {
	t.Parallel()
	value, notes := pick(map[string]variable{
		"A": {Key: "A", Value: "https://a.example.org", IsSecure: true},
		"B": {Key: "B", Value: "  "},
		"C": {Key: "C", Value: "https://c.example.org"},
	}, []string{"A", "B", "C", "D"})
	assert.Equal(t, "https://c.example.org", value)
	assert.Equal(t, []string{"A is hidden by the Hub, so it was not used"}, notes)
}

// FuzzDecode: whatever the Hub answers, no decoder panics, and each either
// succeeds or says one of the things that callers know.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"teams":[{"nickname":"a","teamSlug":"a","environment":[{"key":"k","value":"v","isSecure":true}]}]}`,
		`{"criteria":[{"team":{"nickname":"a"},"criteriaType":"CODE_REPO","score":1,"metrics":{}}]}`,
		`{"teamSlug":"a","criteriaType":"CODE_REPO","criteria":{"status":"PASSED"}}`,
		`{"updatedEntries":1,"createdEntries":0,"totalRequests":1,"errors":[null]}`,
		`{"error":"` + strings.Repeat("é", 200) + `"}`, `<html>`, `[null`, "\x00", `{"action":"created"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var all []error
		_, err := decodeTeams(body)
		all = append(all, err)
		_, err = decodeEnvironment(body)
		all = append(all, err)
		_, err = decodeCriteria(body)
		all = append(all, err)
		_, _, err = decodeCriterion(body)
		all = append(all, err, decodePut(body))
		_, err = decodeBulk(body, 1)
		all = append(all, err)
		for _, err := range all {
			if err != nil && !errors.Is(err, ErrHTML) && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrSchema) {
				t.Errorf("unnamed error %v", err)
			}
		}
		words := wordsOf(body)
		if words == "" || len(words) > 310 || !utf8.ValidString(words) || strings.ContainsAny(words, "\n\r\x00") {
			t.Errorf("words are not fit for an error: %q", words)
		}
	})
}
