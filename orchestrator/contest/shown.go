package contest

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// secret is what people see in the place of what a team marked as secure.
const secret = "<secret>"

// Names of what a team may mark as secure, as they stand in Team.Secure.
const (
	SecureEndpoint   = "endpoint"
	SecureRepository = "repository"
	SecureSpend      = "spend"
)

// Secured reports whether the team marked the named value as secure.
func (t Team) Secured(name string) bool { return slices.Contains(t.Secure, name) }

// Shown returns the team as people may see it: with "<secret>" in place of what
// it marked as secure.
func (t Team) Shown() Team {
	for name, value := range map[string]*string{SecureEndpoint: &t.Endpoint, SecureRepository: &t.Repository, SecureSpend: &t.Spend} {
		if *value != "" && t.Secured(name) {
			*value = secret
		}
	}
	return t
}

// Hide takes the addresses that the team marked as secure out of a text, in
// whatever part they are quoted: errors of networks name hosts. A spend is a
// number and cannot be told from others; who reads it must not write it.
func (t Team) Hide(text string) string {
	var parts []string
	if t.Secured(SecureEndpoint) {
		parts = append(parts, addressParts(t.Endpoint, true)...)
	}
	if t.Secured(SecureRepository) {
		parts = append(parts, addressParts(t.Repository, false)...)
	}
	if len(parts) == 0 {
		return text
	}
	slices.SortFunc(parts, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // the whole before its parts
	pairs := make([]string, 0, 2*len(parts))
	for _, p := range parts {
		pairs = append(pairs, p, secret)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

const leastHidden = 4 // bytes; shorter ones are parts of words

// addressParts lists an address and those of its parts that tell where it leads.
// The host of a repository is everybody's, its path is the team's.
func addressParts(address string, own bool) []string {
	address = strings.TrimSpace(address)
	parts := []string{address, strings.TrimRight(address, "/"), strings.TrimSuffix(address, ".git")}
	if u, err := url.Parse(address); err == nil {
		path := strings.Trim(u.Path, "/")
		parts = append(parts, u.Host+u.Path, u.Host+"/"+path)
		if own {
			parts = append(parts, u.Host, strings.ToLower(u.Host), u.Hostname(), strings.ToLower(u.Hostname()))
		} else if strings.Contains(path, "/") {
			parts = append(parts, path, strings.TrimSuffix(path, ".git"))
		}
		if u.User != nil {
			password, _ := u.User.Password()
			parts = append(parts, u.User.String(), password)
		}
	}
	return slices.DeleteFunc(parts, func(p string) bool { return len(p) < leastHidden })
}

// Shown returns the verdict as people may see it.
func (v Verdict) Shown() Verdict {
	team := v.Team
	v.Team = team.Shown()
	v.Findings = slices.Clone(v.Findings)
	for i := range v.Findings {
		v.Findings[i].Sentence = team.Hide(v.Findings[i].Sentence)
	}
	v.Metrics = maps.Clone(v.Metrics)
	for key, value := range v.Metrics {
		if text, ok := value.(string); ok {
			v.Metrics[key] = team.Hide(text)
		}
	}
	return v
}

// Shown returns the preflight as people may see it.
func (p Preflight) Shown(t Team) Preflight {
	p.Error, p.Finding = t.Hide(p.Error), t.Hide(p.Finding)
	return p
}

// Shown returns the launch's end as people may see it.
func (r LaunchResult) Shown(t Team) LaunchResult {
	r.Trouble = t.Hide(r.Trouble)
	return r
}

// Shown returns the run as people may see it. It cannot be launched any more.
func (r Run) Shown() Run {
	if r.Team.Secured(SecureEndpoint) && r.Target != "" {
		r.Target = secret
	}
	r.Team = r.Team.Shown()
	return r
}
