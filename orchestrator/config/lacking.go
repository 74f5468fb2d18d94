package config

import (
	"fmt"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// shortToken is a length below which a token can be guessed, in characters.
const shortToken = 16

// Lacking tells what works less well than it could for lack of a credential or
// an address, and which credentials are set for nothing: a sentence each, with
// the remedy. None of it keeps the contest from starting.
func (c *Config) Lacking() []string {
	var said []string
	say := func(lacks bool, format string, args ...any) {
		if lacks {
			said = append(said, fmt.Sprintf(format, args...))
		}
	}
	token := len(c.Web.AdminToken.Reveal())
	say(token == 0, "ADMIN_TOKEN is not set: nothing can be changed over the API or at /organisers, where spends are written down; set it to a long random text")
	say(token > 0 && token < shortToken, "ADMIN_TOKEN is shorter than %d characters, so it may be guessed: set it to a long random text", shortToken)
	github := c.GitHub.Token.Set() || c.GitHub.AppID != "" || c.GitHub.AppPrivateKey.Set()
	say(c.measures(contest.GitMonitor) && !github, "neither GITHUB_TOKEN nor GITHUB_APP_ID with GITHUB_APP_PRIVATE_KEY is set: "+
		"GitHub answers 60 requests an hour, which is enough for about 15 repositories; a token allows 5000")
	say(c.Grafana.URL == "", "GRAFANA_API_URL is not set: confirmation links lead to our own pages")
	say(c.Grafana.URL != "" && !c.Grafana.Token.Set() && c.Grafana.Username == "",
		"neither GRAFANA_TOKEN nor GRAFANA_USERNAME is set: links lead to Grafana, but it cannot be asked about anything")
	say(c.Web.PublicURL == "", "HACKLOAD_PUBLIC_URL is not set: nobody knows where our own pages are reached, so the Hub is told no links to them")
	say(!c.HubDatabase.URL.Set() && c.Teams.File == "", "neither DATABASE_URL nor teams.file is set: while the Hub's API is silent no team is known, and no round begins")
	for _, p := range c.Cost.providers() {
		if names := p.idle(); len(names) > 0 {
			say(true, "%s %s set, but cost.%s.enabled is false: %s is not asked for its bills", strings.Join(names, " and "), isOrAre(names), p.key, p.name)
		}
	}
	return said
}

// measures reports whether a service is on and has rules.
func (c *Config) measures(key contest.ServiceKey) bool {
	s, err := contest.FindService(string(key))
	if err != nil || c.Contest == nil {
		return false
	}
	_, ruled := c.Contest.Criteria[s.Criterion]
	return ruled && c.Services[key].Enabled
}
