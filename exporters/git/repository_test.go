package git_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/git"
)

func TestParseRepository(t *testing.T) {
	t.Parallel()
	const want = "https://github.com/hackload-kz/good"
	rows := []struct{ name, text, want string }{
		{"as the browser shows it", "https://github.com/hackload-kz/good", want},
		{"plain http", "http://github.com/hackload-kz/good", want},
		{"slash at the end", "https://github.com/hackload-kz/good/", want},
		{"many slashes", "https://github.com//hackload-kz//good//", want},
		{"clone address", "https://github.com/hackload-kz/good.git", want},
		{"clone address, slash, capitals", "HTTPS://GitHub.COM/hackload-kz/good.GIT/", want},
		{"www", "https://www.github.com/hackload-kz/good", want},
		{"dot after the host", "https://github.com./hackload-kz/good", want},
		{"port", "https://github.com:443/hackload-kz/good", want},
		{"other port", "http://github.com:8080/hackload-kz/good", want},
		{"no scheme", "github.com/hackload-kz/good", want},
		{"no scheme, www", "www.github.com/hackload-kz/good", want},
		{"no scheme, port", "github.com:443/hackload-kz/good", want},
		{"scheme left to the page", "//github.com/hackload-kz/good", want},
		{"one slash", "https:/github.com/hackload-kz/good", want},
		{"scheme twice", "https://https://github.com/hackload-kz/good", want},
		{"backslashes", `https:\\github.com\hackload-kz\good`, want},
		{"ssh as git writes it", "git@github.com:hackload-kz/good.git", want},
		{"ssh, slash after the colon", "git@github.com:/hackload-kz/good.git", want},
		{"ssh without user", "github.com:hackload-kz/good", want},
		{"ssh URL", "ssh://git@github.com/hackload-kz/good.git", want},
		{"ssh URL with a colon", "ssh://git@github.com:hackload-kz/good.git", want},
		{"ssh over the web's port", "ssh://git@ssh.github.com:443/hackload-kz/good.git", want},
		{"git protocol", "git://github.com/hackload-kz/good.git", want},
		{"pip's way", "git+https://github.com/hackload-kz/good.git", want},
		{"branch", "https://github.com/hackload-kz/good/tree/main", want},
		{"file", "https://github.com/hackload-kz/good/blob/main/cmd/a%20b.go#L10", want},
		{"issues", "https://github.com/hackload-kz/good/issues?q=is%3Aopen", want},
		{"anchor", "https://github.com/hackload-kz/good#readme", want},
		{"query", "https://github.com/hackload-kz/good?tab=readme-ov-file", want},
		{"API", "https://api.github.com/repos/hackload-kz/good/commits", want},
		{"raw file", "https://raw.githubusercontent.com/hackload-kz/good/main/README.md", want},
		{"spaces around", "  \t https://github.com/hackload-kz/good \r\n", want},
		{"no-break space and a mark nobody sees", "\u00a0\ufeffhttps://github.com/hackload-kz/good\u200b", want},
		{"brackets", "<https://github.com/hackload-kz/good>", want},
		{"quotes", `"https://github.com/hackload-kz/good"`, want},
		{"end of a sentence", "Our code: https://github.com/hackload-kz/good.", want},
		{"two of them", "https://github.com/hackload-kz/good, https://github.com/hackload-kz/bad", want},
		{"credentials", "https://captain:ghp_secret@github.com/hackload-kz/good", want},
		{"token", "https://ghp_secret@github.com/hackload-kz/good.git", want},
		{"credentials, no scheme", "captain:ghp_secret@github.com/hackload-kz/good", want},
		{"capitals are kept in the path", "github.com/HackLoad-KZ/Good_1.x", "https://github.com/HackLoad-KZ/Good_1.x"},
		{"GitLab", "https://gitlab.com/team/project.git", "https://gitlab.com/team/project"},
		{"GitLab, groups and a branch", "https://gitlab.com/a/b/c/project/-/tree/main/src", "https://gitlab.com/a/b/c/project"},
		{"GitLab over ssh", "git@gitlab.com:a/b/project.git", "https://gitlab.com/a/b/project"},
		{"Bitbucket", "https://bitbucket.org/team/project/src/main/", "https://bitbucket.org/team/project"},
		{"own host", "https://git.example.kz:8443/team/project.git/info/refs", "https://git.example.kz:8443/team/project"},
		{"own host over ssh", "ssh://git@git.example.kz:2222/team/project", "https://git.example.kz/team/project"},
		{"international name", "https://гит.қаз/team/project", "https://xn--c1ak4a.xn--80ao21a/team/project"},
		{"a letter that looks like another", "https://gіthub.com/hackload-kz/good", "https://xn--gthub-n2e.com/hackload-kz/good"},
		{"IPv4", "http://192.0.2.1:3000/team/project", "https://192.0.2.1:3000/team/project"},
		{"IPv6", "https://[2001:db8::1]:3000/team/project", "https://[2001:db8::1]:3000/team/project"},
		{"IPv4 inside of IPv6", "https://[::ffff:127.0.0.1]/team/project", "https://127.0.0.1/team/project"},
		{"localhost", "http://localhost:3000/team/project", "https://localhost:3000/team/project"},
		{"home of a user", "https://git.sr.ht/~team/project", "https://git.sr.ht/~team/project"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r, err := git.ParseRepository(row.text)
			require.NoError(t, err)
			require.Equal(t, row.want, r.URL())
			require.Equal(t, strings.Contains(row.text, "secret"), r.Credentials)
			again, err := git.ParseRepository(r.URL())
			require.NoError(t, err)
			require.Equal(t, r.URL(), again.URL())
		})
	}
}

func TestParseRepositoryRefuses(t *testing.T) {
	t.Parallel()
	rows := []struct{ name, text, want string }{
		{"nothing", "", "nothing is given"},
		{"spaces", " \t\u200b ", "nothing is given"},
		{"script", "javascript:alert('secret')", "not an address"},
		{"script with slashes", "javascript://github.com/secret/x%0aalert(1)", "neither a web address nor one of git"},
		{"file", "file:///etc/secret", "neither a web address nor one of git"},
		{"file transfer", "ftp://user:secret@github.com/x/y", "neither a web address nor one of git"},
		{"script behind a scheme", "https://javascript:alert('secret')", "not an address"},
		{"data", "data:text/html;base64,secret", "not an address"},
		{"a word", "secret", "not an address"},
		{"not available", "N/A", "not an address"},
		{"owner and name alone", "secret/good", "not an address"},
		{"hidden by the Hub", "http***cret", "not an address"},
		{"mail", "mailto:secret@github.com", "names no repository"},
		{"owner alone", "https://github.com/secret", "names no repository"},
		{"host alone", "https://user:secret@github.com/", "names no repository"},
		{"host alone, GitLab", "https://gitlab.com/secret", "names no repository"},
		{"gist", "https://gist.github.com/secret/abc", "gist"},
		{"page of GitHub", "https://github.com/orgs/secret/repositories", "page of GitHub"},
		{"climbing", "https://github.com/secret/..", "names no repository"},
		{"climbing inside", "https://git.example.kz/../secret", "signs that no repository has"},
		{"space in the name", "https://github.com/secret/go%20od", "signs that no repository has"},
		{"line in the name", "https://github.com/secret/go%0Aod", "signs that no repository has"},
		{"markup", "https://github.com/secret/<script>", "signs that no repository has"},
		{"owner that cannot be", "https://github.com/-secret/good", "signs that no repository has"},
		{"zone", "https://[fe80::1%25eth0]/secret/good", "host name"},
		{"bad port", "https://u:secret@github.com:12x/a/b", "not an address"},
		{"bad escape", "https://github.com/secret/%zz", "not an address"},
		{"deep", "https://git.example.kz/" + strings.Repeat("secret/", 20), "signs that no repository has"},
		{"owner too long for GitHub", "https://github.com/" + strings.Repeat("x", 40) + "/good", "signs that no repository has"},
		{"name too long for GitHub", "https://github.com/secret/" + strings.Repeat("x", 101), "signs that no repository has"},
		{"segment too long", "https://git.example.kz/secret/" + strings.Repeat("x", 201), "signs that no repository has"},
		{"long", "https://github.com/secret/" + strings.Repeat("x", 3000), "too long"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r, err := git.ParseRepository(row.text)
			require.ErrorContains(t, err, row.want)
			require.Empty(t, r.URL())
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func FuzzParseRepository(f *testing.F) {
	for _, seed := range []string{
		"https://u:p@github.com/a/b.git", "git@github.com:a/b", "github.com/a/b/tree/x", "javascript:alert(1)", "//[::1%25a]:1/x",
		"https://гит.қаз/a", "a:b@c/d", "git+ssh://x:1/y/../z", "\\\\h\\p", "https://-/.git/.git",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := git.ParseRepository(text)
		if err != nil {
			require.Empty(t, r.URL())
			return
		}
		u, err := url.Parse(r.URL())
		require.NoError(t, err, "%q gave %q", text, r.URL())
		require.Equal(t, "https", u.Scheme)
		require.Nil(t, u.User)
		require.Empty(t, u.RawQuery+u.Fragment)
		require.NotContains(t, u.Path, "/../")
		again, err := git.ParseRepository(r.URL())
		require.NoError(t, err, "%q gave %q", text, r.URL())
		require.Equal(t, r.URL(), again.URL())
	})
}
