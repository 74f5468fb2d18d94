package extension_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	labhub "github.com/hackload-kz/hackload/orchestrator/lab/hub"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/extension"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReadUsers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, text string
		most       int
		want       []string // emails
		err        string
	}{
		{"csv", "user_id,email,password_plain,is_active\n1,a@пошта.example,\"\"\"x\\t:\",True\n2,b@x,pw,False\n3,c@x,pw,True\n", 0, []string{"a@пошта.example", "c@x"}, ""},
		{"csv, cut", "email,password_plain\na@x,1\nb@x,2\nc@x,3\n", 2, []string{"a@x", "b@x"}, ""},
		{"csv with a mark", "\ufeffemail,password_plain\na@x,1\n", 0, []string{"a@x"}, ""},
		{"json", `[{"email":"a@x","password_plain":"1"},{"email":"b@x","password_plain":"2","is_active":false},{"email":"c@x","password_plain":"3","is_active":"True"}]`, 0, []string{"a@x", "c@x"}, ""},
		{"nobody is active", "email,password_plain,is_active\na@x,1,False\n", 0, nil, "it holds no active user"},
		{"empty", "", 0, nil, "it has no header"},
		{"no such column", "email,secret\na@x,hunter2\n", 0, nil, "lacks the column email or password_plain"},
		{"a field too many", "email,password_plain\na@x,hunter2,x\n", 0, nil, "line 2 cannot be read"},
		{"a quote that does not end", "email,password_plain\na@x,\"hunter2\n", 0, nil, "cannot be read"},
		{"not UTF-8", "email,password_plain\na@x,hunter2\xff\n", 0, nil, "not valid UTF-8"},
		{"no password", "email,password_plain\na@x,\n", 0, nil, "line 2: a user has no password"},
		{"a colon in the email", "email,password_plain\na:b@x,hunter2\n", 0, nil, "line 2: an email holds a colon"},
		{"json that is cut off", `[{"email":"a@x","password_plain":"hunter2`, 0, nil, "not an array of objects"},
		{"a number as a password", `[{"email":"a@x","password_plain":12345}]`, 0, nil, "not an array of objects"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			users, err := extension.ReadUsers([]byte(row.text), row.most)
			if row.err != "" {
				require.ErrorContains(t, err, row.err)
				require.NotContains(t, err.Error(), "hunter2")
				require.NotContains(t, err.Error(), "12345")
				return
			}
			require.NoError(t, err)
			var emails []string
			for _, u := range users {
				r := http.Request{Header: http.Header{"Authorization": {u.Authorization}}}
				email, password, ok := r.BasicAuth()
				require.True(t, ok)
				require.Equal(t, [2]string{u.Email, u.Password}, [2]string{email, password})
				emails = append(emails, u.Email)
			}
			require.Equal(t, row.want, emails)
		})
	}
}

func FuzzReadUsers(f *testing.F) {
	f.Add("email,password_plain\na@x,1\n")
	f.Add(`[{"email":"a@x","password_plain":"1"}]`)
	f.Add("email,password_plain\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		users, err := extension.ReadUsers([]byte(text), 3)
		require.LessOrEqual(t, len(users), 3)
		if err == nil {
			require.NotEmpty(t, users)
		}
	})
}

func TestReport(t *testing.T) {
	t.Parallel()
	text, err := extension.Report([]byte(`{"metrics":{
		"http_reqs":{"values":{"count":120}},"http_req_failed":{"values":{"rate":0.05}},"http_req_duration":{"values":{"p(95)":31.5}},
		"http_req_duration{scenario:steady}":{"values":{},"thresholds":{"p(95)<2000":{"ok":true}}},
		"checks":{"values":{},"thresholds":{"rate>0.95":{"ok":false}}}}}`), "good", "http://127.0.0.1:1")
	require.NoError(t, err)
	require.JSONEq(t, `{"version":1,"team":"good","target":"http://127.0.0.1:1","passed":false,"requests":120,"failed":0.05,"p95":31.5,"thresholds":[
		{"threshold":"checks: rate>0.95","ok":false},{"threshold":"http_req_duration{scenario:steady}: p(95)<2000","ok":true}]}`, string(text))
	text, err = extension.Report([]byte(`{"metrics":{}}`), "", "")
	require.NoError(t, err)
	require.Contains(t, string(text), `"passed": false`, "nothing was asked of it")
	_, err = extension.Report([]byte(`{}`), "", "")
	require.ErrorContains(t, err, "what handleSummary is given")
}

func variables(all map[string]string) func(string) string {
	return func(name string) string { return all[name] }
}

func TestReadSettings(t *testing.T) {
	t.Parallel()
	env := variables(map[string]string{"K6_PROMETHEUS_RW_SERVER_URL": "http://env", "K6_PROMETHEUS_RW_BEARER_TOKEN": "t", "K6_PROMETHEUS_RW_PUSH_INTERVAL": "2s"})
	s, err := extension.ReadSettings([]byte(`{"url":"http://file"}`), env)
	require.NoError(t, err)
	require.Equal(t, "http://file", s.URL)
	require.Equal(t, "t", s.Token)
	require.EqualValues(t, 2e9, s.Interval)
	_, err = extension.ReadSettings([]byte(`{"bearerToken":"canary`), env)
	require.ErrorContains(t, err, "not valid JSON")
	require.NotContains(t, err.Error(), "canary")
	_, err = extension.ReadSettings(nil, variables(map[string]string{"K6_PROMETHEUS_RW_PUSH_INTERVAL": "soon"}))
	require.ErrorContains(t, err, "K6_PROMETHEUS_RW_PUSH_INTERVAL")
	_, err = extension.Open(extension.Settings{URL: "nowhere"})
	require.ErrorContains(t, err, "must be a URL")
}

// played is what a session with some requests came to.
func played(t *testing.T, s extension.Settings, durations ...float64) extension.Outcome {
	t.Helper()
	read, unknown := extension.Thresholds(map[string][]string{
		"http_req_duration{scenario:steady}": {"p(95)<2000"}, "checks": {"rate>0.5", "count<<1"},
	})
	require.Equal(t, []string{"checks: count<<1"}, unknown)
	s.Thresholds = read
	session, err := extension.Open(s)
	require.NoError(t, err)
	steady := session.Tags(map[string]string{"scenario": "steady", "testid": "mine"})
	for _, d := range durations {
		session.Add(extension.Sample{Metric: "http_req_duration", Kind: metric.Trend, Contains: metric.Time, Tags: steady, Value: d})
		session.Add(extension.Sample{Metric: "http_reqs", Kind: metric.Counter, Tags: steady, Value: 1})
		session.Add(extension.Sample{Metric: "checks", Kind: metric.Rate, Tags: steady, Value: 1})
	}
	outcome, err := session.Close()
	require.NoError(t, err)
	return outcome
}

func TestSessionSendsItsLastAccount(t *testing.T) {
	t.Parallel()
	var tokens []string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokens = append(tokens, r.Header.Get("Authorization"))
		if len(tokens) == 1 { // it is tried again
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()
	outcome := played(t, extension.Settings{URL: receiver.URL, Token: "t", Labels: map[string]string{"testid": "mine"}}, 10, 20, 3000)
	require.InDelta(t, 3, outcome.Requests, 0)
	require.Equal(t, []string{"Bearer t", "Bearer t"}, tokens)
}

func TestSessionTellsOfNamesThatNobodyCanHold(t *testing.T) {
	t.Parallel()
	session, err := extension.Open(extension.Settings{})
	require.NoError(t, err)
	session.Add(extension.Sample{Metric: "no name", Kind: metric.Counter, Tags: session.Tags(nil), Value: 1})
	_, err = session.Close()
	require.ErrorContains(t, err, "1 samples belong to metrics")
}

// published is a Hub and the environment of a k6 that is to write to it.
func published(t *testing.T) (*labhub.Hub, map[string]string) {
	t.Helper()
	h, err := labhub.Open(filepath.Join(t.TempDir(), "hub.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	key, err := h.CreateKey(t.Context(), "*")
	require.NoError(t, err)
	require.NoError(t, h.Seed(t.Context(), labhub.Team{Slug: "good", Name: "Good"}))
	server := httptest.NewServer(h.Handler())
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte(key+"\n"), 0o600))
	return h, map[string]string{
		"HACKLOAD_PUBLISH": "true", "HACKLOAD_TEAM": "good", "HACKLOAD_CRITERION": "EVENT_SEARCH",
		"HACKLOAD_API_KEY_FILE": file, "API_BASE_URL": server.URL,
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name      string
		durations []float64
		want      contest.Status
		score     int
	}{
		{"passed", []float64{10, 20, 30}, contest.Passed, 1},
		{"too slow", []float64{10, 20, 3000}, contest.Failed, 0},
		{"nothing was measured", nil, contest.NoData, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			h, env := published(t)
			p, err := extension.NewPublication(variables(env), true)
			require.NoError(t, err)
			require.NoError(t, p.Publish(t.Context(), p.Judge(played(t, extension.Settings{}, row.durations...))))
			history, err := h.History(t.Context())
			require.NoError(t, err)
			require.Len(t, history, 1)
			require.Equal(t, row.want, history[0].Status)
			require.EqualValues(t, row.score, *history[0].Score)
		})
	}
}

func TestPublicationRefuses(t *testing.T) {
	t.Parallel()
	_, env := published(t)
	for _, row := range []struct {
		name, variable, value string
		whole                 bool
		want                  string
	}{
		{"one segment of several", "", "", false, extension.ErrPart.Error()},
		{"neither true nor false", "HACKLOAD_PUBLISH", "maybe", true, `HACKLOAD_PUBLISH is "maybe"`},
		{"no criterion", "HACKLOAD_CRITERION", "", true, "HACKLOAD_CRITERION"},
		{"no team", "HACKLOAD_TEAM", "", true, "HACKLOAD_TEAM"},
		{"points", "HACKLOAD_SCORE", "many", true, "HACKLOAD_SCORE"},
		{"no key", "HACKLOAD_API_KEY_FILE", "", true, "HACKLOAD_API_KEY_FILE"},
		{"no hub", "API_BASE_URL", "", true, "API_BASE_URL"},
	} {
		all := maps.Clone(env)
		all[row.variable] = row.value
		_, err := extension.NewPublication(variables(all), row.whole)
		require.ErrorContains(t, err, row.want, row.name)
	}
	p, err := extension.NewPublication(variables(nil), false)
	require.NoError(t, err)
	require.Nil(t, p, "nobody asked for it")
}
