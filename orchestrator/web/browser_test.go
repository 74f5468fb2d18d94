//go:build browser

package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/internal/browsertest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// look is how a page is looked at.
type look struct {
	name          string
	width, height int64
	scheme, lang  string
	examined      bool // by axe-core too: each scheme, language and form is, not each with each
}

func looks() []look {
	return []look{
		{"desktop-light", 1400, 900, "light", "en", true}, {"desktop-dark", 1400, 900, "dark", "ru", true},
		{"phone-light", 390, 844, "light", "ru", true}, {"phone-dark", 390, 844, "dark", "en", true},
		{"projector-light", 1920, 1080, "light", "en", false}, {"narrow-light", 320, 640, "light", "ru", false},
	}
}

// errNetworkChanged is how a Chromium gives up a page when an interface of the
// machine comes or goes, which says nothing of the page.
var errNetworkChanged = errors.New("net::ERR_NETWORK_CHANGED")

// open goes to a page and looks at it in this way.
func (l look) open(t *testing.T, tab browsertest.Tab, page string) {
	t.Helper()
	at, err := url.Parse(page)
	require.NoError(t, err)
	query := at.Query()
	query.Set("lang", l.lang)
	at.RawQuery = query.Encode()
	tab.Do(chromedp.EmulateViewport(l.width, l.height),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}}))
	err = errNetworkChanged
	for err != nil && strings.Contains(err.Error(), errNetworkChanged.Error()) && tab.Err() == nil {
		err = chromedp.Run(tab, chromedp.Navigate(at.String()), chromedp.WaitReady("main"))
	}
	require.NoError(t, err, page)
}

// everyPage is a contest that has all there is to show, and the addresses of its
// pages.
func everyPage(t *testing.T) (home string, pages map[string]string) {
	t.Helper()
	s := sample()
	h := &hand{state: s, letters: []web.DeadLetter{{ID: 7, Kind: "collect", Service: contest.SearchTesting, Team: "slow", Died: noon(),
		History: []web.LetterFail{{At: noon(), Try: 1, Error: "the metric store did not answer"}}}}}
	s.waiting = web.Waiting{Targets: 1, Runs: []contest.Run{run(s.teams[2], contest.EventSearch, "search", "01j5cccccccccccccccccccccc")}}
	s.before = []contest.Verdict{{Team: s.teams[0], Criterion: contest.EventSearch, Status: contest.Passed, Score: 1}}
	c := h.config()
	c.PublicURL = ""
	c.Course = func(_ context.Context, r contest.Run) (*contest.Course, error) {
		if r.State != contest.RunLaunched {
			return nil, errors.New("the metric store is down")
		}
		far := courseOf(contest.Run{LaunchedAt: r.LaunchedAt, EndedAt: r.LaunchedAt}, 212.4)
		far.Points = far.Points[:18]
		return far, nil
	}
	c.Operations = &web.Operations{Token: token, Schedule: h, Control: h, Letters: h, Outbox: h, Exclusions: h, Overrides: h, Trail: h}
	c.Organisers = &web.Organisers{Token: token, Spends: aBook()}
	pages = s.runsToSee()
	maps.Copy(pages, map[string]string{
		"results": "/", "filtered": "/?team=nobody", "team": "/teams/slow", "notes": "/teams/flaky", "missing": "/teams/nobody",
		"run": "/runs/01j50000000000000000000001", "run-under-way": "/runs/01j5bbbbbbbbbbbbbbbbbbbbbb",
		"login": "/organisers/login", "services": "/organisers/services", "runs": "/organisers/runs", "letters": "/organisers/letters",
		"audit": "/organisers/audit", "spend": "/organisers/spend", "spend-team": "/organisers/spend/good",
	})
	home = start(t, web.New(c))
	for name, path := range pages {
		pages[name] = home + path
	}
	later, broken := sample().config(), sample()
	later.FreezeAt = noon().Add(time.Minute)
	broken.broken = errors.New("the disk is gone")
	pages["frozen"], pages["trouble"], pages["full"] = start(t, web.New(later)), start(t, web.New(broken.config())), start(t, web.New(full(12).config()))
	return home, pages
}

func signIn(t *testing.T, tab browsertest.Tab, url string) {
	t.Helper()
	tab.Do(chromedp.Navigate(url+"/organisers/login"),
		chromedp.SendKeys("#token", token), chromedp.Click("form.entry button"), chromedp.WaitVisible(".desk"))
}

// seer looks at pages in each way, has axe-core look too, and keeps a picture of
// each where SHOTS names a folder.
func seer(t *testing.T, tab browsertest.Tab, pages map[string]string) func(name string) {
	t.Helper()
	axe, err := os.ReadFile(os.Getenv("AXE"))
	require.NoError(t, err, "AXE names axe.min.js of the npm package axe-core: .ci/run browser installs it")
	shots := os.Getenv("SHOTS")
	if shots != "" {
		require.NoError(t, os.MkdirAll(shots, 0o755))
	}
	return func(name string) {
		for _, l := range looks() {
			l.open(t, tab, pages[name])
			wide := browsertest.Eval[int](tab, `document.documentElement.scrollWidth - document.documentElement.clientWidth`)
			assert.LessOrEqual(t, wide, 0, "%s is wider than its window at %s", name, l.name)
			if l.examined {
				requireAccessible(t, tab, string(axe), name+" "+l.name)
			}
			if shots != "" {
				var picture []byte
				tab.Do(chromedp.FullScreenshot(&picture, 100))
				require.NoError(t, os.WriteFile(filepath.Join(shots, name+"-"+l.name+".png"), picture, 0o600))
			}
		}
	}
}

// TestPagesAreAccessibleInTheBrowser looks at each page but those of runs.
func TestPagesAreAccessibleInTheBrowser(t *testing.T) {
	home, pages := everyPage(t)
	tab := browsertest.Open(t)
	see := seer(t, tab, pages)
	see("login")
	signIn(t, tab, home)
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		if name != "login" && !strings.HasPrefix(name, "run-") {
			see(name)
		}
	}
}

// TestRunsAreAccessibleInTheBrowser looks at a run of each kind.
func TestRunsAreAccessibleInTheBrowser(t *testing.T) {
	_, pages := everyPage(t)
	see := seer(t, browsertest.Open(t), pages)
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		if strings.HasPrefix(name, "run-") {
			see(name)
		}
	}
}

// findings are what axe-core holds to be serious.
const findings = `axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations
	.filter(v => v.impact === "serious" || v.impact === "critical")
	.map(v => ({id: v.id, nodes: v.nodes.slice(0, 3).map(n => n.html + " | " + n.failureSummary)}))))`

func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// requireAccessible wants nothing of weight found.
func requireAccessible(t *testing.T, tab browsertest.Tab, axe, where string) {
	t.Helper()
	tab.Do(browsertest.Script(axe))
	assert.Equal(t, "[]", browsertest.Eval[string](tab, findings, awaited), where)
}

// TestHostileNamesInTheBrowser has each name shown by a real browser: nothing of
// it runs, nothing of it changes the page around it.
func TestHostileNamesInTheBrowser(t *testing.T) {
	tab := browsertest.Open(t)
	for name, text := range map[string]string{
		"script":        `<script>window.hacked=1;alert(1)</script>`,
		"image":         `<img src=x onerror="window.hacked=1;alert(1)">`,
		"closing tags":  `</bdi></a></th></tr></table></main><h1>taken over</h1>`,
		"attribute":     `" onmouseover="window.hacked=1" autofocus onfocus="window.hacked=1`,
		"template":      `{{.Secret}} ${7*7} {{7*7}}`,
		"right to left": "\u202eevil\u2066 שלום العربية",
		"emoji":         "👩‍👩‍👧‍👦🏳️‍🌈🇰🇿",
		"300 wide":      strings.Repeat("Ж", 300),
		"one word":      strings.Repeat("w", 300),
		"control":       "a\x00b\x07c\x1b[31md\r\ne\u2028f",
		"zalgo":         "z" + strings.Repeat("\u0321\u0351", 60),
	} {
		url := start(t, web.New(rogue(text).config()))
		for _, path := range []string{"/", "/teams/rogue", "/runs/r1"} {
			for _, l := range []look{looks()[0], looks()[2]} { // in both languages
				l.open(t, tab, url+path)
				browsertest.Eval[bool](tab, `document.querySelectorAll("details").forEach(d => d.open = true), true`)
				state := browsertest.Eval[string](tab, `JSON.stringify([
					typeof window.hacked, document.querySelectorAll("main").length, document.querySelectorAll("h1").length,
					document.scripts.length, document.querySelectorAll("footer").length,
					document.documentElement.scrollWidth <= document.documentElement.clientWidth])`)
				wide := browsertest.Eval[string](tab, `[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth && !e.closest(".scroll")).map(e => e.outerHTML.slice(0, 80)).slice(0, 4).join("\n")`)
				require.Equal(t, `["undefined",1,1,1,1,true]`, state, "%s on %s at %s; too wide: %s", name, path, l.name, wide)
			}
		}
	}
}

// TestPageFollowsInTheBrowser sees progress and a new result without a reload,
// and that the reader can stop it.
func TestPageFollowsInTheBrowser(t *testing.T) {
	m := &moving{state: sample()}
	url := start(t, web.New(m.config()))
	tab := browsertest.Open(t)
	looks()[0].open(t, tab, url+"/")
	browsertest.Eval[bool](tab, `window.same = true`)
	tab.Becomes(`document.querySelector("#live").innerText.includes("118.2")`, 30*time.Second)
	m.mu.Lock()
	m.active[0].Progress.RPS = 222
	m.verdicts[0].Score = 55
	m.mu.Unlock()
	tab.Becomes(`document.querySelector("#live").innerText.includes("222 requests/s")`, 30*time.Second)
	tab.Becomes(`document.querySelector("#board td:last-child").innerText === "56"`, 30*time.Second)
	require.True(t, browsertest.Eval[bool](tab, `window.same === true`), "it was not loaded anew")

	tab.Do(chromedp.Click("#pause"))
	assert.Equal(t, "Keep up to date", browsertest.Eval[string](tab, `document.querySelector("#pause").innerText`))

	var api struct {
		Teams []struct {
			Slug  string
			Total int
		}
	}
	require.NoError(t, json.Unmarshal([]byte(get(t, url+"/api/v1/results").body), &api))
	totals := browsertest.Eval[[]string](tab, `[...document.querySelectorAll("#board tbody tr")].map(r => r.querySelector("a").getAttribute("href") + " " + r.querySelector("td:last-child").innerText.trim())`)
	var want []string
	for _, team := range api.Teams {
		want = append(want, fmt.Sprintf("/teams/%s %d", team.Slug, team.Total))
	}
	assert.Equal(t, want, totals, "the page and the API say the same")
}
