//go:build browser

package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/internal/browsertest"
)

// playing is a contest that `dev` plays until the test ends.
func playing(t *testing.T) (url, token string) {
	t.Helper()
	path, err := binary()
	require.NoError(t, err)
	cmd := exec.Command(path, "dev", "--listen", "127.0.0.1:0", "--state", t.TempDir(), "--teams", "good,slow",
		"--criteria", "EVENT_SEARCH,CODE_REPO,BUDGET_TRACKING,AUTH_PERFORMANCE")
	cmd.Env = os.Environ()
	out, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	drained := make(chan struct{})
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-drained
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for url == "" || token == "" {
		require.True(t, lines.Scan(), "dev says where its pages are")
		if found := regexp.MustCompile(`Pages: (http://\S+)`).FindStringSubmatch(lines.Text()); found != nil {
			url = found[1]
		}
		if found := regexp.MustCompile(`ADMIN_TOKEN=(\S+)`).FindStringSubmatch(lines.Text()); found != nil {
			token = found[1]
		}
	}
	go func() {
		defer close(drained)
		for lines.Scan() {
		}
	}()
	return url, token
}

// TestContestInTheBrowser walks from the results to a team and a run while a
// round is played, and does an organiser's work.
func TestContestInTheBrowser(t *testing.T) {
	url, token := playing(t)
	tab := browsertest.Open(t)
	becomes := func(script string) { t.Helper(); tab.Becomes(script, 5*time.Minute) }
	text := func(script string) string { t.Helper(); return browsertest.Eval[string](tab, script) }

	// A level moves, and then a result is there, without a reload.
	tab.Do(chromedp.Navigate(url+"/"), chromedp.WaitReady("#live"), browsertest.Script(`window.same = true`))
	becomes(`document.querySelector("#live progress")?.value > 0`)
	becomes(`(window.was ??= document.querySelector("#live progress")?.value) < document.querySelector("#live progress")?.value`)
	becomes(`[...document.querySelectorAll("#board td:nth-child(5)")].some(td => td.innerText.includes("p95"))`)
	becomes(`window.same === true`)

	// A run is followed from the queue to its charts and its verdict, without a reload.
	tab.Do(chromedp.Navigate(url+"/runs/"+again(t, url, token)), chromedp.WaitReady("#run"), browsertest.Script(`window.same = true`))
	becomes(`document.querySelector("#over-latency-t") !== null`)
	becomes(`document.querySelector("#h-verdict") !== null`)
	becomes(`window.same === true`)

	// From the results to a team, and to the run behind its verdict.
	tab.Do(chromedp.Navigate(url+"/"), chromedp.WaitReady("#live"))
	becomes(`document.querySelector("#board th a[href='/teams/good']") !== null`)
	tab.Do(chromedp.Click(`#board th a[href="/teams/good"]`), chromedp.WaitReady("#EVENT_SEARCH"))
	becomes(`document.querySelector("#EVENT_SEARCH .badge.passed") !== null`)
	run := text(`document.querySelector("#EVENT_SEARCH .runs a").getAttribute("href")`)
	tab.Do(chromedp.Navigate(url+run), chromedp.WaitReady("#h-verdict"))

	// The page says what the API says.
	var record struct {
		TestID         string
		EvidenceSHA256 string
		Verdict        struct{ Findings []struct{ Sentence string } }
	}
	answer, err := http.Get(url + "/api/v1" + run)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&record))
	shown := text(`document.querySelector("main").textContent`) // what is folded too
	assert.Contains(t, shown, record.TestID)
	assert.Contains(t, shown, record.EvidenceSHA256)
	require.NotEmpty(t, record.Verdict.Findings)
	for _, f := range record.Verdict.Findings {
		assert.Contains(t, shown, f.Sentence)
	}

	charted(t, tab, url+"/api/v1"+run)
	file := filepath.Join(t.TempDir(), "run.json")
	require.NoError(t, os.WriteFile(file, []byte(downloaded(t, text(`document.querySelector("a.button[download]").href`), "")), 0o600))
	code, output := hackload(t, nil, "explain", file)
	require.Equal(t, exitDone, code, output)
	require.Contains(t, output, "every hash agrees")

	// An organiser signs in, writes down a spend and pauses a service.
	tab.Do(chromedp.Navigate(url+"/organisers/login"), chromedp.SendKeys("#token", token),
		chromedp.Click("form.entry button"), chromedp.WaitVisible(".desk"))
	tab.Do(chromedp.Navigate(url+"/organisers/spend/good"), chromedp.SendKeys("#amount", "130000"),
		chromedp.SendKeys("#who", "Aigerim"), chromedp.Click("form.entry button"), chromedp.WaitVisible(".note.good"))
	assert.Contains(t, text(`document.querySelector("main").innerText`), "130 000 KZT")
	tab.Do(chromedp.Navigate(url+"/organisers/services"), chromedp.SendKeys("#who", "Aigerim"), chromedp.SendKeys("#why", "lunch"),
		chromedp.Click(`button[value="pause git-monitor"]`), chromedp.WaitVisible(".note.good"))
	becomes(`document.querySelector('button[value="resume git-monitor"]') !== null`)
	tab.Do(chromedp.Navigate(url+"/organisers/audit"), chromedp.WaitReady("tbody"))
	assert.Contains(t, text(`document.querySelector("main").innerText`), "lunch")
}

// again has a team measured once more, and names its newest run.
func again(t *testing.T, url, token string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/v1/teams/good/verdicts/EVENT_SEARCH/rerun", strings.NewReader(`{"who":"Aigerim","why":"to be looked at"}`))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Less(t, answer.StatusCode, 300)
	var list struct{ Runs []struct{ ID string } }
	require.NoError(t, json.Unmarshal([]byte(downloaded(t, url+"/api/v1/runs?team=good&criterion=EVENT_SEARCH", "")), &list))
	require.NotEmpty(t, list.Runs)
	return list.Runs[0].ID
}

// charted holds the charts of a run's page against the evidence of the API.
func charted(t *testing.T, tab browsertest.Tab, run string) {
	t.Helper()
	var e contest.Evidence
	require.NoError(t, json.Unmarshal([]byte(downloaded(t, run+"/evidence", "")), &e))
	require.NotNil(t, e.Course)
	drawn := browsertest.Eval[[]int](tab, `[...document.querySelectorAll("svg.plot")].map(s => s.querySelectorAll("polyline, rect").length)`)
	require.Len(t, drawn, 5, "latency, requests, users, stages, distribution")
	for _, parts := range drawn {
		require.Positive(t, parts)
	}
	rates := browsertest.Eval[[]float64](tab, `[...document.querySelectorAll("#run details table")].map(t => [...t.querySelectorAll("tbody tr")]).find(rows => rows[0]?.cells.length === 6).map(r => Number(r.cells[3].textContent.replace(",", "")))`)
	require.Len(t, rates, len(e.Course.Points))
	sum := 0.0
	for i, p := range e.Course.Points {
		require.InDelta(t, p.RPS, rates[i], 0.51, "moment %v", p.At)
		sum += p.RPS
	}
	require.Positive(t, sum)
}
