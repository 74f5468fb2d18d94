package deployment_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/exporters/deployment"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	rows := map[string]struct{ text, origin, public, target string }{
		"plain":              {"https://team.example.org", "https://team.example.org", "https://team.example.org", "team.example.org:443"},
		"white space":        {" \thttp://team.example.org/\n", "http://team.example.org", "http://team.example.org", "team.example.org:80"},
		"capitals, dot":      {"HTTP://Team.Example.ORG./Api/", "http://team.example.org", "http://team.example.org/Api/", "team.example.org:80"},
		"port":               {"http://team.example.org:8080/api", "http://team.example.org:8080", "http://team.example.org:8080/api", "team.example.org:8080"},
		"the usual port":     {"https://team.example.org:443/", "https://team.example.org", "https://team.example.org", "team.example.org:443"},
		"port with zeros":    {"http://team.example.org:08080", "http://team.example.org:8080", "http://team.example.org:8080", "team.example.org:8080"},
		"other's usual port": {"http://team.example.org:443", "http://team.example.org:443", "http://team.example.org:443", "team.example.org:443"},
		"credentials":        {"https://user:secret@team.example.org/x?key=secret#secret", "https://team.example.org", "https://team.example.org/x", "team.example.org:443"},
		"international":      {"https://Билеты.ҚАЗ/купить", "https://xn--90aiim0b4c.xn--80ao21a", "https://xn--90aiim0b4c.xn--80ao21a/%D0%BA%D1%83%D0%BF%D0%B8%D1%82%D1%8C", "билеты.қаз:443"},
		"punycode":           {"https://xn--80ao21a/", "https://xn--80ao21a", "https://xn--80ao21a", "xn--80ao21a:443"},
		"underscore":         {"http://my_app.example.org", "http://my_app.example.org", "http://my_app.example.org", "my_app.example.org:80"},
		"IPv4":               {"http://192.0.2.1:81/", "http://192.0.2.1:81", "http://192.0.2.1:81", "192.0.2.1:81"},
		"IPv6":               {"http://[2001:DB8:0::1]/", "http://[2001:db8::1]", "http://[2001:db8::1]", "[2001:db8::1]:80"},
		"IPv6, port":         {"https://[2001:db8::1]:8443/a", "https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443/a", "[2001:db8::1]:8443"},
		"mapped IPv4":        {"http://[::ffff:127.0.0.1]:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1:8080"},
		"wide digits":        {"http://１２７.0.0.1/", "http://127.0.0.1", "http://127.0.0.1", "１２７.0.0.1:80"},
		"localhost":          {"http://localhost:3000", "http://localhost:3000", "http://localhost:3000", "localhost:3000"},
		"two slashes":        {"http://team.example.org//api", "http://team.example.org", "http://team.example.org//api", "team.example.org:80"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := deployment.ParseAddress(row.text)
			require.NoError(t, err)
			require.Equal(t, row.origin, a.Origin())
			require.Equal(t, row.public, a.Public())
			require.Equal(t, row.target, a.Target)
		})
	}
}

func TestParseAddressRefuses(t *testing.T) {
	t.Parallel()
	rows := map[string]struct{ text, want string }{
		"nothing":            {"", "no endpoint is given"},
		"blanks":             {" \n\t", "no endpoint is given"},
		"script":             {"javascript:alert('secret')", "starts with http"},
		"script with host":   {"javascript://team.example.org/%0aalert(1)", "starts with http"},
		"file":               {"file:///etc/secret", "starts with http"},
		"ftp":                {"ftp://user:secret@team.example.org", "starts with http"},
		"no scheme":          {"team.example.org", "starts with http"},
		"no scheme, port":    {"team.example.org:8080", "starts with http"},
		"words":              {"we are secret", "starts with http"},
		"no host":            {"http:///secret", "no host"},
		"credentials only":   {"http://user:secret@", "no host"},
		"opaque":             {"http:secret", "no host"},
		"backslashes":        {`http:\\team.example.org`, "no host"},
		"port 0":             {"http://team.example.org:0", "port that does not exist"},
		"port 65536":         {"http://team.example.org:65536", "port that does not exist"},
		"port of letters":    {"http://team.example.org:secret", "not a URL"},
		"decimal":            {"http://2130706433", "number for a host"},
		"octal":              {"http://0177.0.0.1", "number for a host"},
		"hexadecimal":        {"http://0x7f000001/", "number for a host"},
		"hexadecimal label":  {"http://127.0.0.0x1", "number for a host"},
		"shortened":          {"http://127.1:8080", "number for a host"},
		"too many":           {"http://127.0.0.1.1", "number for a host"},
		"dot after a number": {"http://2130706433./", "number for a host"},
		"wide octal":         {"http://０177.0.0.1", "number for a host"},
		"zone":               {"http://[fe80::1%25eth0]/", "on its own machine only"},
		"space in the host":  {"http://team example.org", "not a URL"},
		"control character":  {"http://team\x00.example.org", "not a URL"},
		"new line inside":    {"http://team.example.org\r\nHost: x", "not a URL"},
		"percent":            {"http://team%2eexample.org", "not a URL"},
		"empty label":        {"http://team..example.org", "cannot exist"},
		"signs":              {"http://team$(id).example.org", "cannot exist"},
		"quote":              {"http://team'.example.org", "cannot exist"},
		"long name":          {"http://" + strings.Repeat("abcdefg.", 40) + "org", "cannot exist"},
		"long label":         {"http://" + strings.Repeat("ж", 70) + ".org", "cannot exist"},
		"bad punycode":       {"http://xn--a.org", "cannot exist"},
		"long text":          {"http://team.example.org/" + strings.Repeat("secret", 1000), "too long"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := deployment.ParseAddress(row.text)
			require.ErrorContains(t, err, row.want)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

// An address that was taken is one that a client calls as it is, and means the
// same when it is read again.
func FuzzParseAddress(f *testing.F) {
	for _, text := range []string{
		"https://team.example.org", "http://u:p@[::ffff:7f00:1]:80/a b?c#d", "http://Билеты.ҚАЗ", "http://１２７.1", "http://a_b..c/%zz", "HTTP://0x1/", "http://xn--80ao21a.:1", "http://0\x91",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := deployment.ParseAddress(text)
		if err != nil {
			return
		}
		u, err := url.Parse(a.Origin() + a.Path)
		require.NoError(t, err)
		require.Nil(t, u.User)
		require.Equal(t, a.Host, u.Host)
		again, err := deployment.ParseAddress(u.String())
		require.NoError(t, err)
		require.Equal(t, a.Origin(), again.Origin())
		require.NotContains(t, a.Public(), "?")
		for _, r := range a.Origin() {
			require.True(t, r > ' ' && r < 0x7f, "%q", a.Origin())
		}
	})
}
