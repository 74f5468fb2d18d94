package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// A run's record is downloaded from its page and checked from the file alone.
func TestDownloadVerifies(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	code, output := hackload(t, nil, "run", "search", "--target", refusing, "--state", state)
	require.Equal(t, exitFailed, code, output)
	s, err := store.Open(t.Context(), state)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	runs, err := s.Runs(t.Context(), store.RunFilter{})
	require.NoError(t, err)
	server := httptest.NewServer(web.New(web.Config{Archive: archive{s}, Operations: &web.Operations{Token: organiser}}))
	t.Cleanup(server.Close)
	url := server.URL + "/api/v1/runs/" + string(runs[0].ID) + "/record"
	public, whole := downloaded(t, url, ""), downloaded(t, url, organiser)
	require.NotContains(t, public, refusing)
	require.Contains(t, whole, refusing)

	file := filepath.Join(t.TempDir(), "run.json")
	explained := func(text string) (string, error) {
		t.Helper()
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		var out bytes.Buffer
		err := explainFile(&out, file)
		return out.String(), err
	}
	said, err := explained(public)
	require.NoError(t, err, said)
	require.Contains(t, said, "every hash agrees")
	require.Contains(t, said, "is left out of the file")
	code, output = hackload(t, nil, "explain", file, "--state", filepath.Join(state, "nowhere"))
	require.Equal(t, exitDone, code, output)
	said, err = explained(whole)
	require.NoError(t, err, said)
	require.NotContains(t, said, "is left out of the file")
	var laidOut bytes.Buffer
	require.NoError(t, json.Indent(&laidOut, []byte(public), "", "  "))
	said, err = explained(laidOut.String())
	require.NoError(t, err, said)

	for name, c := range map[string]struct{ from, was, is, told string }{
		"verdict":             {public, `"outcome":"failed"`, `"outcome":"passed"`, "outcome: stored passed, derived failed"},
		"hash of the verdict": {public, `"verdictSha256":"`, `"verdictSha256":"0`, "verdict: its hash is"},
		"rules":               {public, `"minDelivered":0.99`, `"minDelivered":0.5`, "rules: their hash is"},
		"evidence":            {public, `"answered":false`, `"answered":true`, "preflight: the value was changed"},
		"address put in":      {public, `"endpoint":""`, `"endpoint":"http://else"`, "endpoint: the value was changed"},
		"address changed":     {whole, `"endpoint":"` + refusing, `"endpoint":"http://else`, "endpoint: the value was changed"},
		"address taken out":   {whole, `"endpoint":"` + refusing + `"`, `"endpoint":""`, "endpoint: the value was changed"},
		"hash of the whole":   {whole, `"evidenceSha256":"`, `"evidenceSha256":"0`, "sha256: the hash of the whole was changed"},
	} {
		text := strings.Replace(c.from, c.was, c.is, 1)
		require.NotEqual(t, c.from, text, name)
		said, err := explained(text)
		var e *exit
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, exitFailed, e.code, name)
		require.Contains(t, said, c.told, name)
	}
	for _, text := range []string{"", "{}", "[]", "no JSON", `{"schemaVersion":1,"evidence":{},"verdict":[]}`, `{"schemaVersion":99,"evidence":{},"verdict":{}}`, `{"schemaVersion":1,"evidence":{"unknown":1},"verdict":{}}`} {
		_, err := explained(text)
		var e *exit
		require.ErrorAs(t, err, &e, text)
		require.Equal(t, exitUsage, e.code, text)
	}
}

func downloaded(t *testing.T, url, token string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(text)
}
