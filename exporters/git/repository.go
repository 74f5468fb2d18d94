package git

import (
	"errors"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// Repository is where source code is kept, cleaned of everything else that
// people type with it.
type Repository struct {
	Host string // lower case, ASCII, with the port where it is not 443
	Path string // "owner/name"; elsewhere than on GitHub any number of segments
	// Credentials says that the text held some. They are not kept.
	Credentials bool
}

// URL returns the address that a browser and git understand, without
// credentials.
func (r Repository) URL() string {
	if r.Host == "" {
		return ""
	}
	return "https://" + r.Host + "/" + r.Path
}

// names returns owner and name of a repository on GitHub.
func (r Repository) names() (owner, name string, ok bool) {
	owner, rest, _ := strings.Cut(r.Path, "/")
	name, _, _ = strings.Cut(rest, "/")
	return owner, name, len(owner) <= maxOwner && ownerPattern.MatchString(owner) && len(name) <= maxName && namePattern.MatchString(name)
}

const (
	githubHost = "github.com"
	maxText    = 2000 // bytes of what a team typed
	maxDepth   = 10   // segments of a path
	maxSegment = 200  // bytes of one
	maxOwner   = 39   // bytes, as GitHub has it
	maxName    = 100  // bytes of a repository's name, as GitHub has it
)

var (
	ownerPattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)
	namePattern    = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	segmentPattern = regexp.MustCompile(`^~?[A-Za-z0-9._+-]+$`)
	// These schemes are git's and the web's; one slash is a usual mistake.
	knownScheme = regexp.MustCompile(`(?i)^(git\+https?|https?|git\+ssh|ssh\+git|ssh|git):/+`)
	anyScheme   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:/`)
	scpForm     = regexp.MustCompile(`^(?:[A-Za-z0-9._-]+@)?([^/:@\[\]]+):/*([^/:@][^:@]*)$`)
	portAndPath = regexp.MustCompile(`^[0-9]{1,5}(/|$)`)
)

// What is wrong with a text. None of these quotes it: it may hold credentials.
var (
	errNothing  = errors.New("nothing is given")
	errLong     = errors.New("it is too long for an address")
	errScheme   = errors.New("it is neither a web address nor one of git")
	errAddress  = errors.New("it is not an address")
	errHost     = errors.New("its host name does not exist")
	errPath     = errors.New("its path holds signs that no repository has")
	errNoName   = errors.New("it names no repository, only where some could be")
	errGist     = errors.New("a gist is not a repository")
	errReserved = errors.New("it is a page of GitHub, not a repository")
)

// ParseRepository reads a repository's address in any of the shapes that people
// type: as a browser shows it (a page deep inside the repository too), as git
// clones it over https or ssh, without a scheme, between other words. Errors say
// what is wrong without quoting the text.
func ParseRepository(text string) (Repository, error) {
	if len(text) > maxText {
		return Repository{}, errLong
	}
	first := errNothing
	for _, word := range strings.FieldsFunc(text, blank) {
		r, err := parseWord(word)
		if err == nil {
			return r, nil
		}
		if errors.Is(first, errNothing) {
			first = err
		}
	}
	return Repository{}, first
}

// blank reports what stands between words: spaces, and signs that nobody sees.
func blank(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

func parseWord(word string) (Repository, error) {
	word = strings.TrimLeft(word, "<>\"'`()[]{}«»“”„,;:")
	word = strings.TrimRight(word, "<>\"'`()[]{}«»“”„,;:.!?")
	rest, scheme := cutScheme(strings.ReplaceAll(word, `\`, "/"))
	if anyScheme.MatchString(rest) {
		return Repository{}, errScheme
	}
	p, err := split(rest)
	if err != nil {
		return Repository{}, err
	}
	if strings.Contains(scheme, "ssh") || scheme == "git" {
		p.port = "" // of another protocol than https
	}
	host, err := cleanHost(p.host, scheme != "")
	if err != nil {
		return Repository{}, err
	}
	segments := slices.DeleteFunc(strings.Split(p.path, "/"), func(s string) bool { return s == "" })
	host, segments, err = known(host, segments)
	if err != nil {
		return Repository{}, err
	}
	if segments, err = cutPages(host, segments); err != nil {
		return Repository{}, err
	}
	if p.port != "" && p.port != "443" && p.port != "80" && host != githubHost {
		host = net.JoinHostPort(strings.Trim(host, "[]"), p.port)
	}
	return Repository{Host: host, Path: strings.Join(segments, "/"), Credentials: p.credentials}, nil
}

// cutScheme takes schemes off the front: more than one where an address was
// pasted behind a prefix that was there already.
func cutScheme(text string) (rest, scheme string) {
	for {
		found := knownScheme.FindStringSubmatch(text)
		if found == nil {
			return strings.TrimLeft(text, "/"), scheme
		}
		text, scheme = text[len(found[0]):], strings.ToLower(found[1])
	}
}

type address struct {
	host, port, path string
	credentials      bool
}

// split takes an address without scheme apart: host:path as ssh has it, or as a URL.
func split(text string) (address, error) {
	m := scpForm.FindStringSubmatch(text)
	if m != nil && !portAndPath.MatchString(m[2]) && (strings.Contains(m[1], ".") || strings.Contains(text, "@")) {
		return address{host: m[1], path: strings.SplitN(strings.SplitN(m[2], "?", 2)[0], "#", 2)[0]}, nil
	}
	u, err := url.Parse("https://" + text)
	if err != nil {
		return address{}, errAddress
	}
	a := address{host: u.Hostname(), port: u.Port(), path: u.Path}
	if u.User != nil {
		_, password := u.User.Password()
		a.credentials = password || u.User.Username() != "git"
	}
	return a, nil
}

// cleanHost returns the host in lower case and ASCII. One without a dot counts
// only where a scheme says that it is meant as one.
func cleanHost(host string, schemed bool) (string, error) {
	host = strings.TrimRight(host, ".")
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		if addr = addr.Unmap(); addr.Is6() {
			return "[" + addr.String() + "]", nil
		}
		return addr.String(), nil
	}
	if host == "" || !schemed && !strings.Contains(host, ".") {
		return "", errAddress
	}
	ascii, err := idna.Lookup.ToASCII(host)
	if err != nil || strings.ContainsAny(ascii, ":%/ ") {
		return "", errHost
	}
	// What a name is mapped to may itself be no name.
	if again, err := idna.Lookup.ToASCII(ascii); err != nil || again != ascii {
		return "", errHost
	}
	return ascii, nil
}

// known leads the other addresses of well-known hosts back to the one that
// their repositories have.
func known(host string, path []string) (string, []string, error) {
	switch host {
	case "gist." + githubHost:
		return "", nil, errGist
	case "api." + githubHost:
		if len(path) == 0 || path[0] != "repos" {
			return "", nil, errNoName
		}
		return githubHost, path[1:], nil
	}
	same := map[string]string{
		"ssh.github.com": githubHost, "raw.githubusercontent.com": githubHost, "codeload.github.com": githubHost,
		"github.dev": githubHost, "altssh.gitlab.com": "gitlab.com", "altssh.bitbucket.org": "bitbucket.org",
	}
	host = strings.TrimPrefix(host, "www.")
	if to, ok := same[host]; ok {
		host = to
	}
	return host, path, nil
}

// cutPages cuts a page inside of a repository (a branch, a file, its issues) off.
func cutPages(host string, path []string) ([]string, error) {
	for i, segment := range path {
		if len(segment) > 4 && strings.EqualFold(segment[len(segment)-4:], ".git") {
			path = append(slices.Clone(path[:i]), segment[:len(segment)-4])
			break
		}
		if segment == "-" || i >= 2 && slices.Contains([]string{"tree", "blob", "commits", "src", "raw"}, segment) {
			path = path[:i]
			break
		}
	}
	least := 1
	if slices.Contains([]string{githubHost, "gitlab.com", "bitbucket.org", "codeberg.org"}, host) {
		least = 2
		if host != "gitlab.com" { // which has groups inside of groups
			path = path[:min(len(path), 2)]
		}
	}
	if len(path) < least {
		return nil, errNoName
	}
	if host == githubHost && slices.Contains(pagesOfGitHub(), strings.ToLower(path[0])) {
		return nil, errReserved
	}
	return path, checkPath(host, path)
}

func checkPath(host string, path []string) error {
	if len(path) > maxDepth {
		return errPath
	}
	for _, segment := range path {
		if len(segment) > maxSegment || !segmentPattern.MatchString(segment) || segment == "." || segment == ".." {
			return errPath
		}
	}
	if _, _, ok := (Repository{Path: strings.Join(path, "/")}).names(); !ok && host == githubHost {
		return errPath
	}
	return nil
}

// pagesOfGitHub are names that no owner can have.
func pagesOfGitHub() []string {
	return []string{
		"about", "apps", "codespaces", "collections", "enterprise", "explore", "features", "login", "marketplace", "new",
		"notifications", "organizations", "orgs", "search", "settings", "signup", "sponsors", "stars", "topics", "trending", "users",
	}
}
