package web_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// full is a contest of n teams, called as teams are, with a verdict in every criterion.
func full(n int) *state {
	names := []string{"Zero Downtime", "Ёжики в тумане", "404: Team Name Not Found", "Қыран", "Команда имени Большого Взрыва", "byte-me", "Бекенд-шашлык & Co", "🚀 Tulpar"}
	s := &state{}
	for i := range n {
		team := contest.Team{Slug: contest.Slug(fmt.Sprintf("team-%03d", i)), Name: names[i%len(names)]}
		s.teams = append(s.teams, team)
		for j, service := range contest.Services() {
			v := contest.Verdict{
				Team: team, Service: service.Key, Criterion: service.Criterion, Status: contest.Passed, Score: j, At: noon().Add(time.Duration(i) * time.Second),
				Metrics: map[string]any{"p95": 812.25 + 10*float64(i), "successRate": 99.25, "commitsCount": i, "totalSpent": 12500.0, "statusCode": 200},
			}
			if (i+j)%3 == 0 {
				v.Status = contest.Failed
			}
			s.verdicts = append(s.verdicts, v)
			if (i+j)%2 == 0 { // half of them have changed since the round before
				v.Score += 10
				s.before = append(s.before, v)
			}
		}
	}
	return s
}

func TestResultsOfManyTeamsAreSentSmall(t *testing.T) {
	t.Parallel()
	url := start(t, web.New(full(200).config())) + "/"
	const plain = 200_000
	for coding, most := range map[string]int{"gzip": 40 << 10, "br;q=1, GZIP;q=0.5": 40 << 10, "identity": plain, "gzip;q=0": plain, "": plain} {
		t.Run(coding, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
			require.NoError(t, err)
			req.Close = true
			req.Header.Set("Accept-Encoding", coding) // set by hand, so the client does not unpack
			resp, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			sent, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			assert.LessOrEqual(t, len(sent), most)
			assert.Contains(t, resp.Header.Values("Vary"), "Accept-Encoding")
			page := sent
			if resp.Header.Get("Content-Encoding") == "gzip" {
				z, err := gzip.NewReader(bytes.NewReader(sent))
				require.NoError(t, err)
				page, err = io.ReadAll(z)
				require.NoError(t, err)
			}
			assert.Equal(t, 200, bytes.Count(page, []byte(`href="/teams/team-`)))
		})
	}
}

func TestResultsOfManyTeamsAreSmallInEachLanguage(t *testing.T) {
	t.Parallel()
	url := start(t, web.New(full(200).config()))
	for lang, word := range map[string]string{"en": "<i>Passed</i>", "ru": "<i>Пройдено</i>"} {
		body := get(t, url+"/?lang="+lang).body
		require.LessOrEqual(t, len(body), 200_000, lang)
		require.Greater(t, strings.Count(body, word), 1000, lang)
	}
}
