package git_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/git"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/lab/github"
)

func newKey(t *testing.T) (*rsa.PrivateKey, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
}

func TestGitHubApp(t *testing.T) {
	t.Parallel()
	key, text := newKey(t)
	_, wrong := newKey(t)
	rows := []struct {
		name          string
		config        git.Config
		installations []github.Installation
		want          string // of the error; empty: it works
	}{
		{"installation given", git.Config{AppID: 123456, PrivateKey: text, InstallationID: 22}, []github.Installation{{ID: 11}, {ID: 22}}, ""},
		{"installation found", git.Config{AppID: 123456, PrivateKey: text}, []github.Installation{{ID: 33, Account: "late"}, {ID: 11, Account: "hackload-kz"}}, ""},
		{"line ends as an environment variable has them", git.Config{AppID: 123456, PrivateKey: strings.ReplaceAll(text, "\n", `\n`)}, []github.Installation{{ID: 11}}, ""},
		{"installed nowhere", git.Config{AppID: 123456, PrivateKey: text}, nil, "installed nowhere"},
		{"no such installation", git.Config{AppID: 123456, PrivateKey: text, InstallationID: 44}, []github.Installation{{ID: 11}}, "installation 44"},
		{"another's key", git.Config{AppID: 123456, PrivateKey: wrong}, []github.Installation{{ID: 11}}, "status 401"},
		{"another's key, installation given", git.Config{AppID: 123456, PrivateKey: wrong, InstallationID: 11}, []github.Installation{{ID: 11}}, "status 401"},
		{"another App's id", git.Config{AppID: 654321, PrivateKey: text}, []github.Installation{{ID: 11}}, "status 401"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := open(t, github.Options{
				Tokens: []string{"no token but the App's"}, Repos: []github.Repo{repo("good", commits(12, time.Hour, time.Hour))},
				App: &github.App{ID: 123456, Key: &key.PublicKey, Installations: row.installations},
			}, cardRules(), func(c *git.Config) {
				c.Token, c.AppID, c.PrivateKey, c.InstallationID = "", row.config.AppID, row.config.PrivateKey, row.config.InstallationID
			})
			if row.want != "" {
				err := s.x.Measure(t.Context(), []contest.Team{teamOf("good", at("good"))}, func(contest.Verdict) { t.Error("a verdict") })
				require.ErrorIs(t, err, git.ErrCredentials)
				require.ErrorContains(t, err, row.want)
				return
			}
			for range 2 {
				require.Equal(t, contest.Passed, measure(t.Context(), t, s.x, teamOf("good", at("good")))["good"].Status)
			}
			tokens := 0
			for _, path := range s.paths() {
				if strings.HasSuffix(path, "/access_tokens") {
					tokens++
				}
			}
			require.Equal(t, 1, tokens, "a token is used for as long as it lasts")
		})
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	_, text := newKey(t)
	for name, row := range map[string]struct {
		config git.Config
		want   string
	}{
		"id alone":  {git.Config{AppID: 1}, "needs both"},
		"key alone": {git.Config{PrivateKey: text}, "needs both"},
		"no key":    {git.Config{AppID: 1, PrivateKey: "secret"}, "not an RSA key in PEM"},
	} {
		_, err := git.New(row.config, cardRules())
		require.ErrorContains(t, err, row.want, name)
		require.NotContains(t, err.Error(), "secret", name)
	}
	s := open(t, github.Options{Tokens: []string{"ghp_good"}}, cardRules(), nil)
	err := s.x.Measure(t.Context(), []contest.Team{teamOf("good", at("good"))}, func(contest.Verdict) { t.Error("a verdict") })
	require.ErrorIs(t, err, git.ErrCredentials)
	require.NotContains(t, err.Error(), "secret")
	require.Equal(t, contest.NoData, measure(t.Context(), t, s.x, teamOf("empty", ""))["empty"].Status, "GitHub is not asked without need")
}

// Our credentials go to the API alone.
func TestCredentialsStayWithTheAPI(t *testing.T) {
	t.Parallel()
	stolen := make(chan string, 10)
	thief := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { stolen <- r.Header.Get("Authorization") }))
	s := open(t, github.Options{}, cardRules(), nil)
	s.lab.Fail(func(r *http.Request) *github.Fault {
		if strings.HasPrefix(r.URL.Path, "/repos/") {
			return &github.Fault{Status: 301, Header: http.Header{"Location": {thief + r.URL.Path}}}
		}
		return nil
	})
	require.True(t, measure(t.Context(), t, s.x, teamOf("good", at("good")))["good"].Invalid)
	require.Empty(t, stolen)
}
