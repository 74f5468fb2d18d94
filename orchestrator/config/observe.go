package config

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"strings"
)

// Observe is where this process tells of itself beside its log and its metrics
// port. Empty fields are off.
type Observe struct {
	Tracing     bool   `yaml:"tracing" json:"tracing"`                // to the collector that the variables OTEL_… name
	SentryDSN   Secret `yaml:"sentry_dsn" json:"sentryDsn"`           // errors
	Pushgateway Secret `yaml:"pushgateway_url" json:"pushgatewayUrl"` // metrics of commands that end; may hold a password
}

func observeSettings() []setting {
	return []setting{
		{Env: "PROMETHEUS_PUSHGATEWAY_URL", Keys: one("observe.pushgateway_url")},
		{Env: "SENTRY_DSN", Keys: one("observe.sentry_dsn")},
		{Env: "TRACING_ENABLED", Keys: one("observe.tracing")},
	}
}

// ObserveFrom reads the section from the environment alone, for commands that
// read no other configuration.
func ObserveFrom(getenv func(string) string) (Observe, error) {
	c := Default()
	problems := apply(observeSettings(), c, getenv)
	return c.Observe, errors.Join(problems...)
}

// check says what of the addresses cannot be right, without showing them.
func (o Observe) check() []string {
	var problems []string
	if o.Pushgateway.Set() && !httpAddress(o.Pushgateway.Reveal()) {
		problems = append(problems, "observe.pushgateway_url (PROMETHEUS_PUSHGATEWAY_URL) is not an address that starts with http:// or https://")
	}
	if dsn := o.SentryDSN.Reveal(); dsn != "" {
		u, err := url.Parse(dsn)
		if err != nil || !httpAddress(dsn) || u.User.Username() == "" || strings.Trim(u.Path, "/") == "" {
			problems = append(problems, "observe.sentry_dsn (SENTRY_DSN) is not an address like https://KEY@HOST/PROJECT: copy it from the project's settings in Sentry")
		}
	}
	return problems
}

func httpAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

// MinCores is what a load generator on the orchestrator's own machine needs.
const MinCores = 2

// CheckMachine says what is wrong with measuring on a machine that may use so
// many cores.
func (c *Config) CheckMachine(cores float64) []string {
	if c.Load.Launcher == "testrun" || cores >= MinCores {
		return nil
	}
	return []string{fmt.Sprintf("load.launcher is %s, which generates load in this machine, and %.2g cores are too few for it: "+
		"give it %d or more, or set load.launcher to testrun", c.Load.Launcher, cores, MinCores)}
}

// Procs returns how many threads may run Go code at once: the cores that the
// process may use, rounded up.
func (c *Config) Procs() int { return max(1, int(math.Ceil(c.Limits.CPUCores))) }

// Secrets returns the texts of all secrets that are set, for those who must see
// that none is shown.
func (c *Config) Secrets() []string {
	found := map[string]bool{}
	collectSecrets(reflect.ValueOf(c), found)
	return sortedKeys(found)
}

func collectSecrets(v reflect.Value, found map[string]bool) {
	if !v.IsValid() {
		return
	}
	if v.CanInterface() {
		if s, ok := v.Interface().(Secret); ok {
			if s.Set() {
				found[s.Reveal()] = true
			}
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		collectSecrets(v.Elem(), found)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				collectSecrets(v.Field(i), found)
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			collectSecrets(v.MapIndex(key), found)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			collectSecrets(v.Index(i), found)
		}
	}
}
