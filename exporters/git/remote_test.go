package git_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/git"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/target"
)

// serve starts an http server and returns its address.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// pkt is one line of git's protocol.
func pkt(line string) string { return fmt.Sprintf("%04x%s", len(line)+4, line) }

const (
	head  = "1111111111111111111111111111111111111111"
	blank = "0000000000000000000000000000000000000000"
	ready = "# service=git-upload-pack\n"
)

// advertise is what a git host answers git ls-remote with.
func advertise(branches int) string {
	var b strings.Builder
	b.WriteString(pkt(ready) + "0000" + pkt(head+" HEAD\x00multi_ack agent=git/2.43.0\n"))
	for i := range branches {
		b.WriteString(pkt(fmt.Sprintf("%s refs/heads/branch-%d\n", head, i)))
	}
	b.WriteString(pkt(head+" refs/tags/v1\n") + "0000")
	return b.String()
}

// gitHost serves what is the same for every repository of one path segment.
func gitHost(t *testing.T) (address string, roots *x509.CertPool) {
	t.Helper()
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			_, _ = io.WriteString(w, body)
		}
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "secret words of the host", code) }
	}
	to := func(where string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, where, http.StatusMovedPermanently) }
	}
	pages := map[string]http.HandlerFunc{
		"good":    text(advertise(2)),
		"one":     text(advertise(1)),
		"tags":    text(pkt(ready) + "0000" + pkt(head+" refs/tags/v1\x00agent=git/2\n") + "0000"),
		"empty":   text(pkt(ready) + "0000" + pkt(blank+" capabilities^{}\x00agent=git/2\n") + "0000"),
		"flushed": text(pkt(ready) + "00000000"),
		"page":    text("<!DOCTYPE html><html>secret</html>"),
		"silent":  text(""),
		"cut":     text(advertise(2)[:90]),
		"lie": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99999")
			_, _ = io.WriteString(w, advertise(1)[:80])
		},
		"huge":     text(advertise(1)[:len(advertise(1))-4] + strings.Repeat(pkt(head+" refs/heads/same\n"), 100_000) + "0000"),
		"missing":  status(404),
		"locked":   status(401),
		"shut":     status(403),
		"broken":   status(503),
		"busy":     status(429),
		"odd":      status(418),
		"renamed":  to("/team/good/info/refs?service=git-upload-pack"),
		"circle":   to("/team/circle/info/refs?service=git-upload-pack"),
		"metadata": to("https://169.254.169.254/info/refs"),
		"plain":    to("http://127.0.0.1:1/info/refs"),
		"drips": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "8000") // so many bytes will come
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "#")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(20 * time.Millisecond)
			}
		},
		"hangs": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, isRefs := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/team/"), "/info/refs")
		if page, ok := pages[name]; ok && isRefs && r.URL.Query().Get("service") != "" || name == "renamed" {
			if r.Header.Get("Authorization") != "" {
				t.Error("credentials were sent")
			}
			page(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	server.Config.ErrorLog = nolog()
	server.StartTLS()
	t.Cleanup(server.Close)
	roots = x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.URL, roots
}

func TestOtherHosts(t *testing.T) {
	t.Parallel()
	host, roots := gitHost(t)
	x, err := git.New(git.Config{Guard: target.Guard{AllowPrivate: true}, Roots: roots, Request: time.Minute, Workers: 30}, cardRules())
	require.NoError(t, err)
	defer x.Close()
	rows := []struct {
		name     string
		status   contest.Status
		invalid  bool
		sentence string
	}{
		{"good", contest.NoData, false, "has 2 branches, but its host does not tell when commits were made"},
		{"one", contest.NoData, false, "has 1 branch, but"},
		{"renamed", contest.NoData, false, "has 2 branches, but"},
		{"tags", contest.Failed, false, "no branch"},
		{"empty", contest.Failed, false, "is empty"},
		{"flushed", contest.Failed, false, "is empty"},
		{"missing", contest.Failed, false, "no such repository"},
		{"locked", contest.Failed, false, "no such repository"},
		{"shut", contest.Failed, false, "no such repository"},
		{"page", contest.Failed, false, "does not speak git"},
		{"silent", contest.Failed, false, "does not speak git"},
		{"cut", contest.Failed, false, "does not speak git"},
		{"lie", contest.Failed, false, "does not speak git"},
		{"huge", contest.Failed, false, "more branches than are read"},
		{"odd", contest.Failed, false, "answered 418"},
		{"circle", contest.Failed, false, "sent us elsewhere"},
		{"plain", contest.Failed, false, "cannot be reached over https"},
		{"broken", contest.NoData, true, "answered 503"},
		{"busy", contest.NoData, true, "answered 429"},
	}
	var teams []contest.Team
	for _, row := range rows {
		teams = append(teams, teamOf(row.name, strings.Replace(host, "https://", "https://captain:secret@", 1)+"/team/"+row.name))
	}
	all := measure(t.Context(), t, x, teams...)
	for _, row := range rows {
		v := all[contest.Slug(row.name)]
		require.Contains(t, finding(t, v, "repository").Sentence, row.sentence, row.name)
		require.Equal(t, row.status, v.Status, row.name)
		require.Equal(t, row.invalid, v.Invalid, row.name)
		require.Equal(t, host+"/team/"+row.name, v.Metrics["repositoryUrl"])
		require.Equal(t, true, v.Metrics["hasRepository"])
	}
}

func TestOtherHostsThatNeverEnd(t *testing.T) {
	t.Parallel()
	host, roots := gitHost(t)
	x, err := git.New(git.Config{Guard: target.Guard{AllowPrivate: true}, Roots: roots, Request: 300 * time.Millisecond}, cardRules())
	require.NoError(t, err)
	defer x.Close()
	for slug, v := range measure(t.Context(), t, x, teamOf("drips", host+"/team/drips"), teamOf("hangs", host+"/team/hangs")) {
		require.Equal(t, contest.Failed, v.Status, slug)
		require.Equal(t, "The repository's host did not answer within 300ms.", finding(t, v, "repository").Sentence, slug)
	}
}

// Addresses of the inside are refused when they are dialled, in any spelling.
func TestOtherHostsAreGuarded(t *testing.T) {
	t.Parallel()
	host, roots := gitHost(t)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(host, "https://"))
	require.NoError(t, err)
	for _, g := range []target.Guard{{}, {AllowPrivate: true}} {
		x, err := git.New(git.Config{Guard: g, Roots: roots, Request: time.Minute}, cardRules())
		require.NoError(t, err)
		for _, name := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"} {
			v := measure(t.Context(), t, x, teamOf("x", "https://"+name+":"+port+"/team/good"))["x"]
			sentence := finding(t, v, "repository").Sentence
			require.Equal(t, !g.AllowPrivate, strings.Contains(sentence, "not a public one"), "%s: %s", name, sentence)
		}
		x.Close()
	}
	x, err := git.New(git.Config{Roots: roots, Request: time.Minute}, cardRules())
	require.NoError(t, err)
	defer x.Close()
	for _, name := range []string{"169.254.169.254", "10.0.0.1", "192.168.1.1:8080", "[fd00:ec2::254]"} {
		v := measure(t.Context(), t, x, teamOf("x", "http://"+name+"/latest/meta-data"))["x"]
		require.Equal(t, contest.Failed, v.Status)
		require.Contains(t, finding(t, v, "repository").Sentence, "not a public one", name)
	}
}

// A redirect to the inside is dialled like anything else: through the guard.
func TestRedirectToTheInsideIsGuarded(t *testing.T) {
	t.Parallel()
	host, roots := gitHost(t)
	x, err := git.New(git.Config{Guard: loopback(), Roots: roots, Request: time.Minute}, cardRules())
	require.NoError(t, err)
	defer x.Close()
	v := measure(t.Context(), t, x, teamOf("x", host+"/team/metadata"))["x"]
	require.Contains(t, finding(t, v, "repository").Sentence, "not a public one")
}

func TestOtherHostsThatAreNotThere(t *testing.T) {
	t.Parallel()
	host, _ := gitHost(t) // whose certificate is signed by nobody known
	x, err := git.New(git.Config{Guard: target.Guard{AllowPrivate: true}, Request: time.Minute}, cardRules())
	require.NoError(t, err)
	defer x.Close()
	for name, address := range map[string]string{
		"refuses":           "https://127.0.0.1:1/team/good",
		"unknown authority": host + "/team/good",
	} {
		v := measure(t.Context(), t, x, teamOf("x", address))["x"]
		require.Equal(t, contest.Failed, v.Status, name)
		require.Contains(t, finding(t, v, "repository").Sentence, "cannot be reached over https", name)
	}
}

// When the round is stopped, what was under way is no verdict.
func TestMeasureEndsWithItsContext(t *testing.T) {
	t.Parallel()
	host, roots := gitHost(t)
	x, err := git.New(git.Config{Guard: target.Guard{AllowPrivate: true}, Roots: roots, Request: time.Minute, Workers: 3}, cardRules())
	require.NoError(t, err)
	defer x.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	teams := []contest.Team{teamOf("good", host+"/team/good")}
	for i := range 10 {
		teams = append(teams, teamOf(fmt.Sprintf("hangs-%d", i), host+"/team/hangs"))
	}
	var got []contest.Slug
	err = x.Measure(ctx, teams, func(v contest.Verdict) {
		got = append(got, v.Team.Slug)
		cancel()
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, []contest.Slug{"good"}, got)
}

// A name that nobody has is the team's affair; a name server that is away is not.
func TestNamesThatCannotBeLookedUp(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		err  net.DNSError
		want git.State
	}{
		"unknown":   {net.DNSError{Err: "no such host", Name: "secret.kz", IsNotFound: true}, git.Unreachable},
		"temporary": {net.DNSError{Err: "server misbehaving", Name: "secret.kz", IsTemporary: true}, git.Unmeasured},
		"late":      {net.DNSError{Err: "i/o timeout", Name: "secret.kz", IsTimeout: true}, git.Unmeasured},
	} {
		state, sentence := git.ExplainRemote(fmt.Errorf("dial: %w", &net.OpError{Op: "dial", Err: &row.err}))
		require.Equal(t, row.want, state, name)
		require.NotContains(t, sentence, "secret", name)
	}
}
