package web_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

const token = "a-long-token-of-the-server"

// spendBook is a book in memory.
type spendBook struct {
	mu    sync.Mutex
	teams []contest.Team
	kept  map[contest.Slug][]web.SpendEntry
}

func (b *spendBook) Sheet(context.Context) (web.SpendSheet, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var sheet web.SpendSheet
	for _, t := range b.teams {
		sheet.Teams = append(sheet.Teams, b.of(t))
	}
	return sheet, nil
}

func (b *spendBook) of(t contest.Team) web.TeamSpend {
	kept := b.kept[t.Slug]
	return web.TeamSpend{Team: t.Shown(), Currency: "KZT", Entries: kept, Differs: len(kept) > 0 && kept[0].Amount != t.Spend}
}

func (b *spendBook) Of(_ context.Context, slug contest.Slug) (web.TeamSpend, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.teams {
		if t.Slug == slug {
			return b.of(t), nil
		}
	}
	return web.TeamSpend{}, web.ErrNotFound
}

func (b *spendBook) Enter(_ context.Context, f web.SpendForm) error {
	if strings.HasPrefix(f.Amount, "-") {
		return &web.Refusal{Code: http.StatusUnprocessableEntity, Text: "The amount is below zero.", Hint: "Nothing was written down."}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept[f.Team] = append([]web.SpendEntry{{Amount: f.Amount, Note: f.Note, Who: f.Who, At: noon()}}, b.kept[f.Team]...)
	return nil
}

func aBook() *spendBook {
	return &spendBook{kept: map[contest.Slug][]web.SpendEntry{}, teams: []contest.Team{
		{Slug: "good", Name: "Good", Spend: "120 000 ₸"},
		{Slug: "rogue", Name: `<script>alert("team")</script>`, Spend: `"><img src=x onerror=alert(1)>`},
		{Slug: "discreet", Spend: "77123", Secure: []string{"spend"}},
	}}
}

func organisers(b *spendBook) web.Config {
	c := sample().config()
	c.Organisers = &web.Organisers{Token: token, Spends: b}
	return c
}

// browser is a client that keeps cookies and sends what browsers send of a
// request's origin.
type browser struct {
	t      *testing.T
	base   string
	client *http.Client
	site   string // Sec-Fetch-Site of its posts
	origin string // Origin of its posts; the server's own when empty
}

func browse(t *testing.T, base string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &browser{t, base, &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}, "same-origin", ""}
}

func (b *browser) send(method, path string, form url.Values) page {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", b.base)
		if b.origin != "" {
			req.Header.Set("Origin", b.origin)
		}
		if b.site != "" {
			req.Header.Set("Sec-Fetch-Site", b.site)
		}
	}
	resp, err := b.client.Do(req)
	require.NoError(b.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	require.NoError(b.t, err)
	return page{resp.StatusCode, resp.Header, string(body)}
}

func (b *browser) get(path string) page { b.t.Helper(); return b.send(http.MethodGet, path, nil) }

func (b *browser) login() page {
	b.t.Helper()
	return b.send(http.MethodPost, "/organisers/login", url.Values{"token": {token}})
}

// formToken is what the page's form proves itself by.
func formToken(t *testing.T, p page) string {
	t.Helper()
	found := regexp.MustCompile(`name="form" value="([A-Z2-7]{26})"`).FindStringSubmatch(p.body)
	require.NotNil(t, found, p.body)
	return found[1]
}

// enter opens the team's page and sends its form.
func (b *browser) enter(team, amount string) page {
	b.t.Helper()
	form := formToken(b.t, b.get("/organisers/spend/"+team))
	return b.send(http.MethodPost, "/organisers/spend/"+team, url.Values{"form": {form}, "amount": {amount}, "who": {"Aigerim"}, "note": {"from the invoice"}})
}

func TestOrganiserSignsInEntersAndSignsOut(t *testing.T) {
	t.Parallel()
	b := browse(t, start(t, web.New(organisers(aBook()))))
	require.Contains(t, b.get("/").body, `href="/organisers"`)
	got := b.get("/organisers/spend")
	require.Contains(t, got.body, "<h1>Sign in</h1>", "sent to where that is done")
	require.NotContains(t, got.body, "120 000")

	got = b.login()
	require.Equal(t, http.StatusOK, got.code)
	require.Contains(t, got.body, "120 000 ₸")
	require.NotContains(t, got.body, "77123", "what a team marked as secure is shown to nobody")
	require.Contains(t, got.body, "&lt;secret&gt;")
	require.Contains(t, b.get("/organisers/login").body, "<h1>Spend</h1>", "is signed in already")

	got = b.enter("good", "125 000 KZT")
	require.Equal(t, http.StatusOK, got.code)
	require.Contains(t, got.body, "The entry is kept.")
	require.Contains(t, got.body, "Differs")
	got = b.enter("good", "130 000 KZT")
	require.Less(t, strings.Index(got.body, "<bdi>130 000 KZT</bdi></td>"), strings.Index(got.body, "<bdi>125 000 KZT</bdi></td>"), "newest first")
	require.Contains(t, got.body, "from the invoice")
	require.Contains(t, b.get("/organisers/spend").body, "<b><bdi>130 000 KZT</bdi></b>")

	form := formToken(t, got)
	require.Contains(t, b.send(http.MethodPost, "/organisers/logout", url.Values{"form": {form}}).body, "<h1>Sign in</h1>")
	require.Contains(t, b.get("/organisers/spend").body, "<h1>Sign in</h1>")
	require.Equal(t, http.StatusForbidden, b.send(http.MethodPost, "/organisers/spend/good", url.Values{"form": {form}, "amount": {"1"}}).code)
}

func TestOrganiserPagesKeepTheirGuard(t *testing.T) {
	t.Parallel()
	b := browse(t, start(t, web.New(organisers(aBook()))))
	for _, path := range []string{"/organisers/login", "/organisers/nosuch"} {
		got := b.get(path)
		policy := got.header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'", path)
		require.Contains(t, policy, "form-action 'self'", path)
		require.NotContains(t, policy, "unsafe", path)
		require.Equal(t, "no-store", got.header.Get("Cache-Control"), path)
		require.Equal(t, "DENY", got.header.Get("X-Frame-Options"), path)
	}
	require.Equal(t, http.StatusNotFound, b.get("/organisers/nosuch").code)
	b.login()
	for _, path := range []string{"/organisers/spend/nobody", "/organisers/spend/..%2f..", "/organisers/spend/" + strings.Repeat("x", 200)} {
		require.Equal(t, http.StatusNotFound, b.get(path).code, path)
	}
	require.Equal(t, http.StatusMethodNotAllowed, b.send(http.MethodPut, "/organisers/spend/good", nil).code)
}

func TestSessionCookie(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		public string
		secure bool
	}{"plain": {"http://results.example", false}, "https": {"https://results.example", true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := organisers(aBook())
			c.PublicURL = row.public
			b := browse(t, start(t, web.New(c)))
			b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			cookies := (&http.Response{Header: b.login().header}).Cookies()
			require.Len(t, cookies, 1)
			got := cookies[0]
			require.True(t, got.HttpOnly)
			require.Equal(t, row.secure, got.Secure)
			require.Equal(t, http.SameSiteStrictMode, got.SameSite)
			require.Equal(t, "/", got.Path, "organisers see the public pages as they are, also frozen")
			require.Equal(t, 8*3600, got.MaxAge)
			require.NotContains(t, got.Value, token)
			require.GreaterOrEqual(t, len(got.Value), 26)
		})
	}
}

func TestWrongTokensAreRefusedAndCounted(t *testing.T) {
	t.Parallel()
	b := browse(t, start(t, web.New(organisers(aBook()))))
	try := func(text string) page {
		return b.send(http.MethodPost, "/organisers/login", url.Values{"token": {text}})
	}
	for i, text := range []string{"", token[1:], token + "x", strings.ToUpper(token), strings.Repeat("x", 10_000)} {
		got := try(text)
		require.Equal(t, http.StatusUnauthorized, got.code, i)
		require.Empty(t, got.header.Get("Set-Cookie"))
		require.NotContains(t, got.body, token[1:])
	}
	got := b.login()
	require.Equal(t, http.StatusTooManyRequests, got.code, "no more is tried, not even the right one")
	require.Equal(t, "10", got.header.Get("Retry-After"))
	require.Contains(t, b.get("/organisers/spend").body, "<h1>Sign in</h1>")
}

func TestTokenThatIsNotSet(t *testing.T) {
	t.Parallel()
	c := organisers(aBook())
	c.Organisers.Token = ""
	b := browse(t, start(t, web.New(c)))
	for _, got := range []page{b.get("/organisers/login"), b.send(http.MethodPost, "/organisers/login", url.Values{"token": {""}})} {
		require.Equal(t, http.StatusForbidden, got.code)
		require.Contains(t, got.body, "no ADMIN_TOKEN")
	}
}

func TestFormsOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	book := aBook()
	base := start(t, web.New(organisers(book)))
	b, other := browse(t, base), browse(t, base)
	b.login()
	other.login()
	form := formToken(t, b.get("/organisers/spend/good"))
	rows := []struct {
		name, form, site, origin string
		code                     int
	}{
		{"no proof", "", "same-origin", "", http.StatusForbidden},
		{"wrong proof", strings.Repeat("A", 26), "same-origin", "", http.StatusForbidden},
		{"another session's proof", formToken(t, other.get("/organisers/spend")), "same-origin", "", http.StatusForbidden},
		{"other site", form, "cross-site", "https://evil.example", http.StatusForbidden},
		{"neighbour under the same domain", form, "same-site", "https://evil.results.example", http.StatusForbidden},
		{"other origin in an old browser", form, "", "https://evil.example", http.StatusForbidden},
		{"no origin at all", form, "", "null", http.StatusForbidden},
		{"old browser", form, "", "", http.StatusOK},
		{"behind a proxy that changes the host", form, "", "https://results.example", http.StatusOK},
	}
	kept := 0
	for _, row := range rows {
		b.site, b.origin = row.site, row.origin
		got := b.send(http.MethodPost, "/organisers/spend/good", url.Values{"form": {row.form}, "amount": {"1"}, "who": {"A"}})
		require.Equal(t, row.code, got.code, row.name)
		if row.code == http.StatusOK {
			kept++
		} else {
			require.Contains(t, got.body, "Nothing was changed", row.name)
		}
		require.Len(t, book.kept["good"], kept, row.name)
	}
	b.site, b.origin = "cross-site", "https://evil.example"
	require.Equal(t, http.StatusForbidden, b.login().code, "nobody is signed in by another site")
	b.site, b.origin = "same-origin", ""
	require.Equal(t, http.StatusBadRequest, b.send(http.MethodPost, "/organisers/spend/good", url.Values{"note": {strings.Repeat("x", 17<<10)}}).code)
}

func TestFormThatIsRefusedComesBackAsItWasTyped(t *testing.T) {
	t.Parallel()
	b := browse(t, start(t, web.New(organisers(aBook()))))
	b.login()
	got := b.enter("good", `-5"><script>`)
	require.Equal(t, http.StatusUnprocessableEntity, got.code)
	require.Contains(t, got.body, "The amount is below zero.")
	require.Contains(t, got.body, `value="-5&#34;&gt;&lt;script&gt;"`)
	require.Contains(t, got.body, `value="Aigerim"`)
	require.Contains(t, got.body, `aria-invalid="true"`)
}

func TestHostileSpend(t *testing.T) {
	t.Parallel()
	book := aBook()
	b := browse(t, start(t, web.New(organisers(book))))
	b.login()
	form := formToken(t, b.get("/organisers/spend/rogue"))
	hostile := `<script>alert(1)</script>` + "\u202e\x00" + strings.Repeat("w", 3000)
	b.send(http.MethodPost, "/organisers/spend/rogue", url.Values{"form": {form}, "amount": {"1"}, "who": {hostile}, "note": {hostile}})
	for _, path := range []string{"/organisers/spend", "/organisers/spend/rogue"} {
		body := b.get(path).body
		for _, never := range []string{"<script", "<img", "\u202e", "\x00", "ZgotmplZ", strings.Repeat("w", 700)} {
			require.False(t, strings.Contains(body, never), "%s shows %q", path, never)
		}
		require.Contains(t, body, "&lt;script&gt;alert(", path)
	}
	require.LessOrEqual(t, len([]rune(book.kept["rogue"][0].Who)), 48)
}

func TestManyOrganisersEnterAtOnce(t *testing.T) {
	t.Parallel()
	book := aBook()
	base := start(t, web.New(organisers(book)))
	var all sync.WaitGroup
	for i := range 6 {
		b := browse(t, base)
		b.login()
		form := formToken(t, b.get("/organisers/spend/good"))
		all.Go(func() {
			got := b.send(http.MethodPost, "/organisers/spend/good", url.Values{"form": {form}, "amount": {fmt.Sprint(i)}, "who": {"A"}})
			assert.Equal(t, http.StatusOK, got.code)
		})
	}
	all.Wait()
	require.Len(t, book.kept["good"], 6)
}

// A session ends after its day, whatever the browser does with the cookie.
func TestSessionExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := web.New(organisers(aBook()))
		ask := func(method, path, cookie string) *http.Response {
			r := httptest.NewRequest(method, "http://results.example"+path, strings.NewReader("token="+token))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Cookie", cookie)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Result()
		}
		cookie := strings.Split(ask("POST", "/organisers/login", "").Header.Get("Set-Cookie"), ";")[0]
		require.Equal(t, http.StatusOK, ask("GET", "/organisers/spend", cookie).StatusCode)
		require.Equal(t, http.StatusSeeOther, ask("GET", "/organisers/spend", cookie+"x").StatusCode)
		time.Sleep(8*time.Hour - time.Second)
		require.Equal(t, http.StatusOK, ask("GET", "/organisers/spend", cookie).StatusCode)
		time.Sleep(2 * time.Second)
		require.Equal(t, http.StatusSeeOther, ask("GET", "/organisers/spend", cookie).StatusCode)

		for range 300 { // more than are kept: the oldest go
			cookie = strings.Split(ask("POST", "/organisers/login", "").Header.Get("Set-Cookie"), ";")[0]
		}
		require.Equal(t, http.StatusOK, ask("GET", "/organisers/spend", cookie).StatusCode)
	})
}
