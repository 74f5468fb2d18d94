package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// RunOverhead is what a run takes beyond its level: the smoke test, the reset,
// the last requests, and collecting what was measured.
const RunOverhead = 90 * time.Second

// checkCriterion reports a rule or a threshold that the type alone cannot refuse.
func (d *decoder) checkCriterion(root *yaml.Node, key string, criteria Criteria, name string) {
	criterion := contest.Criterion(name)
	c, ok := criteria[criterion]
	if !ok {
		return
	}
	if text := ruleProblem(criterion, c.Rule); text != "" {
		d.problem(lookUp(root, "criteria", name, "rule"), join(key, "rule"), "%s", text)
	}
	for _, variable := range sortedKeys(c.Env) {
		if err := contest.CheckVariable(variable); err != nil {
			d.problem(lookUp(root, "criteria", name, "env", variable), join(key, "env"), "%v", err)
		}
	}
	for _, selector := range sortedKeys(c.Thresholds) {
		for _, expression := range c.Thresholds[selector] {
			if _, err := contest.ParseThreshold(selector, expression); err != nil {
				d.problem(lookUp(root, "criteria", name, "thresholds", selector), join(key, "thresholds"), "%v", err)
			}
		}
	}
}

// lookUp returns the value under a path of keys, or the nearest node above it.
func lookUp(n *yaml.Node, path ...string) *yaml.Node {
	for _, name := range path {
		if n == nil || n.Kind != yaml.MappingNode {
			return n
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == name {
				n = n.Content[i+1]
				break
			}
		}
	}
	return n
}

// ValidateServe reports what only the deployment needs: a Hub to publish to.
func (c *Config) ValidateServe() error {
	var missing []error
	if c.Hub.URL == "" {
		missing = append(missing, errors.New("hub.url is not set: set the variable API_BASE_URL to the address of the Hub"))
	}
	if !c.Hub.APIKey.Set() {
		missing = append(missing, errors.New("hub.api_key is not set: set the variable SERVICE_API_KEY to the Hub's service key"))
	}
	return errors.Join(missing...)
}

// Check returns what is wrong although every single value is legal, a sentence
// each. Scenarios are the names of the scripts that there are; nil means the
// built-in ones.
func (c *Config) Check(scenarios []string) []string {
	if scenarios == nil {
		for _, s := range contest.Services() {
			scenarios = append(scenarios, s.Scenario)
		}
	}
	problems := c.checkAddresses()
	problems = append(problems, c.checkDurations()...)
	problems = append(problems, c.Cost.check()...)
	problems = append(problems, c.checkExporters()...)
	problems = append(problems, c.HubDatabase.check(c.State.DatabaseURL)...)
	problems = append(problems, c.checkGrafana()...)
	problems = append(problems, c.Observe.check()...)
	if c.Web.MetricsEnabled && c.Web.Port == c.Web.MetricsPort {
		problems = append(problems, fmt.Sprintf("web.port and web.metrics_port are both %d, they must differ", c.Web.Port))
	}
	problems = append(problems, c.Contest.checkTimes()...)
	for _, s := range contest.Services() {
		service, rules := c.Services[s.Key], c.Contest.Criteria[s.Criterion]
		if _, ok := c.Contest.Criteria[s.Criterion]; !ok {
			if service.Enabled {
				problems = append(problems, fmt.Sprintf("service %s is enabled, but the contest has no rules for %s", s.Key, s.Criterion))
			}
			continue
		}
		if s.Load() {
			problems = append(problems, checkLadder(s, service, rules, scenarios)...)
		}
	}
	return problems
}

func (c *Config) checkAddresses() []string {
	var problems []string
	for _, address := range []struct{ key, value string }{
		{"hub.url", c.Hub.URL}, {"prometheus.url", c.Prometheus.URL}, {"prometheus.write_url", c.Prometheus.WriteURL}, {"metrics.url", c.Metrics.URL}, {"grafana.url", c.Grafana.URL},
		{"grafana.api_url", c.Grafana.APIURL}, {"github.api_url", c.GitHub.APIURL}, {"web.public_url", c.Web.PublicURL},
		{"cost.aws.endpoint", c.Cost.AWS.Endpoint}, {"cost.gcp.endpoint", c.Cost.GCP.Endpoint},
		{"cost.azure.authority", c.Cost.Azure.Authority}, {"cost.azure.manager", c.Cost.Azure.Manager},
	} {
		if address.value == "" {
			continue
		}
		u, err := url.Parse(address.value)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			problems = append(problems, address.key+" is not an address that starts with http:// or https://")
		}
	}
	if u, err := url.Parse(c.State.DatabaseURL.Reveal()); c.State.DatabaseURL.Set() && (err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql") {
		problems = append(problems, "state.database_url is not like postgresql://user:password@host:5432/database") // without its text, which holds a password
	}
	if _, _, err := net.SplitHostPort(c.Metrics.Listen); err != nil {
		problems = append(problems, fmt.Sprintf("metrics.listen %q is not host:port", c.Metrics.Listen))
	}
	return problems
}

func (c *Config) checkExporters() []string {
	var problems []string
	if g := c.GitHub; (g.AppID != "") != g.AppPrivateKey.Set() && !g.Token.Set() {
		problems = append(problems, "a GitHub App needs both GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY, and one of them is not set")
	}
	if c.GitHub.AppID != "" {
		if _, err := strconv.ParseInt(c.GitHub.AppID, 10, 64); err != nil {
			problems = append(problems, fmt.Sprintf("GITHUB_APP_ID %q is no number: take the App's from its settings page at GitHub", c.GitHub.AppID))
		}
	}
	if c.Probe.Evidence != "" && !strings.Contains(c.Probe.Evidence, "$team") {
		problems = append(problems, "probe.evidence does not say whose it is: write $team where the team's slug belongs, inside quotes")
	}
	return problems
}

func (c *Config) checkDurations() []string {
	var problems []string
	positive := func(key string, d contest.Duration) {
		if d <= 0 {
			problems = append(problems, key+" must be longer than nothing")
		}
	}
	positive("hub.timeout", c.Hub.Timeout)
	positive("prometheus.timeout", c.Prometheus.Timeout)
	positive("probe.timeout", c.Probe.Timeout)
	positive("load.push_interval", c.Load.PushInterval)
	positive("load.preflight_timeout", c.Load.PreflightTimeout)
	positive("load.reset_timeout", c.Load.ResetTimeout)
	for _, s := range contest.Services() {
		positive("services."+string(s.Key)+".timeout", c.Services[s.Key].Timeout)
	}
	return problems
}

func (c *Contest) checkTimes() []string {
	var problems []string
	ordered := func(earlier, later time.Time, sentence string) {
		if !earlier.IsZero() && !later.IsZero() && !earlier.Before(later) {
			problems = append(problems, sentence)
		}
	}
	ordered(c.StartsAt, c.EndsAt, "the contest's ends_at is not after its starts_at")
	ordered(c.StartsAt, c.FreezeAt, "the contest's freeze_at is not after its starts_at")
	for _, slug := range c.Teams.Exclude {
		if !slug.Valid() {
			problems = append(problems, fmt.Sprintf("teams.exclude: %q is not a team's nickname", slug))
		}
	}
	return problems
}

// checkLadder holds a load criterion's levels against each other and against
// the time that its service gives a run.
func checkLadder(s contest.Service, service Service, rules Criterion, scenarios []string) []string {
	var problems []string
	add := func(format string, args ...any) {
		problems = append(problems, string(s.Criterion)+": "+fmt.Sprintf(format, args...))
	}
	if !slices.Contains(scenarios, rules.Scenario) {
		add("scenario %s", unknown(rules.Scenario, slices.DeleteFunc(slices.Clone(scenarios), func(n string) bool { return n == "" })))
	}
	if len(rules.Levels) == 0 {
		add("has no levels, so nothing can be passed")
	}
	if rules.Repeats%2 == 0 {
		add("repeats is %d: it must be odd, so that the median decides", rules.Repeats)
	}
	for i, level := range rules.Levels {
		if i > 0 && level.Rate() <= rules.Levels[i-1].Rate() {
			add("level %d asks no more than level %d: levels must ascend", i+1, i)
		}
		if problem := levelProblem(level); problem != "" {
			add("level %d %s", i+1, problem)
		}
		if needs := level.Ramp.D() + level.Duration.D() + RunOverhead; needs > service.Timeout.D() {
			add("level %d takes %s with everything around it, longer than services.%s.timeout (%s)",
				i+1, needs, s.Key, service.Timeout)
		}
	}
	return problems
}

func levelProblem(l contest.Level) string {
	var wrong []string
	if l.Users <= 0 || l.Users > 10_000_000 {
		wrong = append(wrong, "needs users between 1 and 10000000")
	}
	if l.Duration.D() < time.Second {
		wrong = append(wrong, "needs a duration of at least 1s")
	}
	if l.Points < 0 {
		wrong = append(wrong, "has negative points, which the Hub refuses")
	}
	return strings.Join(wrong, " and ")
}
