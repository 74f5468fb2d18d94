package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Grafana is where confirmation links lead and runs are marked. It is also a
// road to Prometheus where only Grafana can be reached.
type Grafana struct {
	URL      string `yaml:"url" json:"url"`        // for people; api_url without /api when not set
	APIURL   string `yaml:"api_url" json:"apiUrl"` // for programs; url when not set
	Token    Secret `yaml:"token" json:"token"`    // or username and password
	Username string `yaml:"username" json:"username"`
	Password Secret `yaml:"password" json:"password"`

	// DataSource is the name or uid of Grafana's data source for the metric
	// store. Without prometheus.url queries go through it.
	DataSource    string    `yaml:"datasource" json:"datasource"`
	Folder        string    `yaml:"folder" json:"folder"`                // uid or title, for check; empty: none is looked for
	TeamDashboard Dashboard `yaml:"team_dashboard" json:"teamDashboard"` // a criterion's confirmation
	RunDashboard  Dashboard `yaml:"run_dashboard" json:"runDashboard"`   // of one run
	Annotations   bool      `yaml:"annotations" json:"annotations"`      // one per run, where we have credentials
}

// Dashboard is a dashboard that links lead to. Without a UID it is Grafana's
// own for k6.
type Dashboard struct {
	UID string `yaml:"uid" json:"uid"` // also "uid/slug"
	// Vars are the dashboard's variables and what they are set to, where
	// {team}, {criterion}, {scenario}, {testid} and {datasource} stand for those
	// of the link. A team's link has no testid.
	Vars map[string]string `yaml:"vars" json:"vars"`
}

// Proxied reports whether Prometheus is asked through Grafana.
func (c *Config) Proxied() bool { return c.Prometheus.URL == "" && c.Grafana.DataSource != "" }

// deriveURL fills the address for people from the one for programs.
func (g *Grafana) deriveURL() {
	if g.URL == "" {
		g.URL = strings.TrimSuffix(strings.TrimSuffix(g.APIURL, "/"), "/api")
	}
}

func (c *Config) checkGrafana() []string {
	g := c.Grafana
	problems := append(g.TeamDashboard.check("grafana.team_dashboard", "{testid}"), g.RunDashboard.check("grafana.run_dashboard", "")...)
	if g.Token.Set() && g.Username != "" {
		problems = append(problems, "grafana has a token and a username: leave one of them out")
	}
	if g.Username != "" && !g.Password.Set() {
		problems = append(problems, "grafana.username is set, but grafana.password (variable GRAFANA_PASSWORD) is not")
	}
	if !c.Proxied() {
		return problems
	}
	if g.URL == "" {
		problems = append(problems, "grafana.datasource is set, but grafana.url (variable GRAFANA_URL) is not: Prometheus is reached through neither")
	}
	if c.Prometheus.WriteURL == "" {
		problems = append(problems, "prometheus.write_url (variable PROMETHEUS_WRITE_URL) is not set: Grafana passes on what Prometheus is asked, "+
			"but no metrics; name the address where load generators write them")
	}
	return problems
}

// Both in bytes.
const (
	maxUID      = 240 // with the words after it
	maxVariable = 100
)

var (
	uidPattern      = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}(/[A-Za-z0-9_.-]+)?$`)
	variablePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	placePattern    = regexp.MustCompile(`\{[^{}]*\}`)
)

// check reports what no dashboard can have. never is a place that this kind of
// link cannot fill.
func (d Dashboard) check(key, never string) []string {
	var problems []string
	add := func(format string, args ...any) { problems = append(problems, key+fmt.Sprintf(format, args...)) }
	if d.UID == "" && len(d.Vars) > 0 {
		add(".vars are set, but its uid is not: whose variables are they?")
	}
	if d.UID != "" && (len(d.UID) > maxUID || !uidPattern.MatchString(d.UID)) {
		add(".uid %q is not one: want up to 40 letters, digits, - and _, as in the dashboard's address after /d/", d.UID)
	}
	for _, name := range sortedKeys(d.Vars) {
		if len(name) > maxVariable || !variablePattern.MatchString(name) {
			add(".vars: %q is no name of a variable: want letters, digits and _, without var- before them", name)
		}
		for _, place := range placePattern.FindAllString(d.Vars[name], -1) {
			switch known := []string{"{team}", "{criterion}", "{scenario}", "{testid}", "{datasource}"}; {
			case !slices.Contains(known, place):
				add(".vars.%s: %s stands for nothing: want %s", name, place, strings.Join(known, ", "))
			case place == never:
				add(".vars.%s: %s is of one run, and the link is to all of a team's", name, place)
			}
		}
	}
	return problems
}
