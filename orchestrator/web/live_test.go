package web_test

import (
	"bufio"
	"context"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// moving is a contest in which something happens while a test looks.
type moving struct {
	*state
	mu sync.Mutex
}

func (m *moving) Active(ctx context.Context) ([]web.ActiveRun, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]web.ActiveRun(nil), m.active...), m.fault(ctx)
}

func (m *moving) Verdicts(ctx context.Context, until time.Time) ([]contest.Verdict, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.Verdicts(ctx, until)
}

func (m *moving) config() web.Config {
	c := m.state.config()
	c.Board, c.Pulse = m, m
	return c
}

// listen reads the event stream, an event at a time.
func listen(t *testing.T, url, bearer string) func() (name, data string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/events", nil)
	require.NoError(t, err)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	return func() (name, data string) {
		for lines.Scan() {
			line := lines.Text()
			if text, ok := strings.CutPrefix(line, "event: "); ok {
				name = text
			}
			if text, ok := strings.CutPrefix(line, "data: "); ok {
				return name, text
			}
		}
		return "end", ""
	}
}

// A reader hears of what is under load as soon as it moves, of new results, and of
// the end of the server at once.
func TestEvents(t *testing.T) {
	t.Parallel()
	m := &moving{state: sample()}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- web.Serve(ctx, ln, web.New(m.config())) }()
	next := listen(t, "http://"+ln.Addr().String(), "")

	name, data := next()
	require.Equal(t, "now", name)
	require.Contains(t, data, "118.2 requests/s")
	name, first := next()
	require.Equal(t, "results", name)

	m.mu.Lock()
	m.active[0].Progress.RPS = 222
	m.mu.Unlock()
	name, data = next()
	require.Equal(t, "now", name)
	require.Contains(t, data, "222 requests/s")

	m.mu.Lock()
	m.verdicts[0].Score++
	m.mu.Unlock()
	name, second := next()
	require.Equal(t, "results", name)
	require.NotEqual(t, first, second)

	stopped := time.Now()
	stop()
	name, _ = next()
	require.Equal(t, "end", name)
	require.NoError(t, <-done)
	require.Less(t, time.Since(stopped), 4*time.Second, "a reader does not use up the grace")
}

func TestEventsSinceTheFreeze(t *testing.T) {
	t.Parallel()
	url := start(t, web.New(frozen(noon().Add(time.Hour))))
	_, public := listen(t, url, "")()
	assert.NotContains(t, public, "118.2")
	assert.NotContains(t, public, "/runs/")
	_, theirs := listen(t, url, token)()
	assert.Contains(t, theirs, "118.2 requests/s")
}

func TestResultsTellOfTheQueueAndOfChanges(t *testing.T) {
	t.Parallel()
	s := sample()
	next := run(s.teams[2], contest.EventSearch, "search", "01j5cccccccccccccccccccccc")
	s.waiting = web.Waiting{Targets: 1, Runs: []contest.Run{next}}
	for range 20 {
		s.waiting.Runs = append(s.waiting.Runs, run(s.teams[3], contest.EventSearch, "search", "01j5dddddddddddddddddddddd"))
	}
	s.before = []contest.Verdict{
		{Team: s.teams[0], Criterion: contest.EventSearch, Status: contest.Passed, Score: 1},    // 3 now
		{Team: s.teams[1], Criterion: contest.EventSearch, Status: contest.Passed, Score: 0},    // failed now
		{Team: s.teams[0], Criterion: contest.CodeRepo, Status: contest.Passed, Score: 1},       // as it was
		{Team: contest.Team{Slug: "gone"}, Criterion: contest.CodeRepo, Status: contest.Passed}, // takes no part any more
	}
	url := start(t, web.New(s.config()))
	body := get(t, url+"/").body
	assert.Contains(t, body, "In the queue: 21. Next: <bdi>empty</bdi>, not before 10s from now")
	assert.Contains(t, body, "not before 10s from now")
	assert.Contains(t, body, "and 13 more")
	assert.Contains(t, body, `<em class=up>2</em>`)
	assert.Contains(t, body, `<em class=down><u>before: Passed</u></em>`)
	assert.Equal(t, 2, strings.Count(body, `<em class=`))
	s.waiting.Closed = true
	assert.Contains(t, get(t, url+"/?a").body, "No load is allowed at this hour.")
	assert.Contains(t, get(t, url+"/?lang=ru").body, "В очереди: 21")
}

func TestFilter(t *testing.T) {
	t.Parallel()
	url := start(t, web.New(sample().config()))
	for query, want := range map[string][]string{
		"team=DOWN":                            {"zero-downtime"},
		"team=steady":                          {"slow"},
		"status=failed":                        {"flaky", "slow"},
		"status=invalid":                       {"flaky"},
		"status=passed&criterion=EVENT_SEARCH": {"zero-downtime"},
		"status=failed&criterion=CODE_REPO":    nil,
		"criterion=CODE_REPO":                  {"zero-downtime"},
		"status=no&criterion=such":             {"zero-downtime", "empty", "flaky", "slow"},
		"team=<script>":                        nil,
	} {
		body := get(t, url+"/?"+query).body
		var got []string
		for _, slug := range []string{"zero-downtime", "empty", "flaky", "slow"} {
			if strings.Contains(body, `<a href="/teams/`+slug+`">`) {
				got = append(got, slug)
			}
		}
		assert.Equal(t, want, got, query)
		assert.NotContains(t, body, "<script>", query)
		if want == nil {
			assert.Contains(t, body, "No team fits.", query)
		}
	}
}

func TestTeamIsToldWhatToFixFirst(t *testing.T) {
	t.Parallel()
	url := start(t, web.New(sample().config()))
	slow := get(t, url+"/teams/slow").body
	assert.Contains(t, slow, "What to fix first")
	assert.Contains(t, slow, "<dt>Expected</dt><dd>&lt;&nbsp;2,000\u202fms</dd><dt>Got</dt><dd>2,304\u202fms</dd>")
	assert.Contains(t, slow, "06:59:00 UTC</time>", "when the run began")
	assert.Contains(t, slow, `the answer is a list of events</bdi> <span class="quiet">40 of 1,500</span>`)
	assert.Contains(t, slow, `every event has &lt;b&gt;a name&lt;/b&gt;</bdi> <span class="quiet">7 of 7</span>`)
	assert.NotContains(t, slow, "the answer came at all", "it was as expected")
	assert.NotContains(t, get(t, url+"/teams/zero-downtime").body, "What to fix first")
}

// A service's endpoints are shown one by one: what was expected, what came, how
// long it took; not where the service is, nor what else it said.
func TestTeamSeesItsEndpoints(t *testing.T) {
	t.Parallel()
	url := start(t, web.New(sample().config()))
	page := get(t, url+"/teams/flaky").body
	for _, row := range []string{
		`<code>GET /api/events</code> <span class="quiet">critical</span></th><td><span class="badge passed"><span aria-hidden="true">✓</span> Works</span></td><td>200</td><td>200</td><td class="num">41` + "\u202f" + `ms</td>`,
		`<code>POST /api/bookings</code> <span class="quiet">critical</span></th><td><span class="badge failed"><span aria-hidden="true">✕</span> Does not work</span></td><td>201, 400, 401, 403</td><td>500</td><td class="num">18` + "\u202f" + `ms</td>`,
		`<td>200, 400, 401, 404</td><td><span lang="en">there was no answer within 10s</span></td><td class="num">10,000` + "\u202f" + `ms</td>`,
		`<dt>Expected</dt><dd>201, 400, 401, 403</dd><dt>Got</dt><dd>500</dd><dt>Took</dt><dd>18` + "\u202f" + `ms</dd>`,
	} {
		assert.Contains(t, page, row)
	}
	assert.Equal(t, 1, strings.Count(page, "POST /api/bookings does not work"), "as what to fix, not in the findings again")
	assert.NotContains(t, page, "secret-")
	russian := get(t, url+"/teams/flaky?lang=ru").body
	assert.Contains(t, russian, "<p lang=\"ru\">POST /api/bookings не работает: ответ 500 вместо 201, 400, 401 или 403.</p>")
	assert.Contains(t, russian, "<span lang=\"ru\">ответа не было за 10 с</span>")
	assert.Contains(t, russian, "<p lang=\"ru\">ENDPOINT_URL скрыт в Hub, поэтому не использовался</p>", "a remark on the team's data")

	for name, odd := range map[string]any{"text": "<b>", "numbers": []any{1, "x"}, "nothing": nil, "an endless one": math.Inf(1), "many": make([]map[string]string, 5000)} {
		s := sample()
		v := walked(s.teams[3])
		v.Metrics["endpointResults"] = odd
		s.verdicts = append(s.verdicts, v)
		got := get(t, start(t, web.New(s.config()))+"/teams/empty")
		assert.Equal(t, http.StatusOK, got.code, name)
		assert.LessOrEqual(t, strings.Count(got.body, "<tr"), 120, name)
	}
}

// Organisers get to measuring a team again from its page.
func TestOnlyOrganisersAreLedToARerun(t *testing.T) {
	t.Parallel()
	b := atDesk(t, &hand{state: sample()})
	const link = `href="/organisers/runs?team=slow&amp;criterion=EVENT_SEARCH#h-again"`
	assert.NotContains(t, b.get("/teams/slow").body, link)
	b.login()
	assert.Contains(t, b.get("/teams/slow").body, link)
}
