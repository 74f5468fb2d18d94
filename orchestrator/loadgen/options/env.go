package options

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/pace"
)

// FromEnv reads k6's K6_* variables.
func FromEnv(env map[string]string) (Options, error) {
	var o Options
	fields := o.fields()
	maps.Copy(fields, o.networkFields())
	for name, key := range map[string]string{
		"K6_VUS": "vus", "K6_ITERATIONS": "iterations", "K6_DURATION": "duration", "K6_USER_AGENT": "userAgent",
		"K6_INSECURE_SKIP_TLS_VERIFY": "insecureSkipTLSVerify", "K6_NO_CONNECTION_REUSE": "noConnectionReuse",
		"K6_NO_VU_CONNECTION_REUSE": "noVUConnectionReuse", "K6_DISCARD_RESPONSE_BODIES": "discardResponseBodies",
		"K6_NO_COOKIES_RESET": "noCookiesReset", "K6_THROW": "throw", "K6_MAX_REDIRECTS": "maxRedirects",
		"K6_PAUSED": "paused", "K6_NO_SETUP": "noSetup", "K6_NO_TEARDOWN": "noTeardown", "K6_SETUP_TIMEOUT": "setupTimeout",
		"K6_TEARDOWN_TIMEOUT": "teardownTimeout", "K6_MIN_ITERATION_DURATION": "minIterationDuration",
		"K6_SUMMARY_TIME_UNIT": "summaryTimeUnit", "K6_SUMMARY_TREND_STATS": "summaryTrendStats",
		"K6_RPS": "rps", "K6_BATCH": "batch", "K6_BATCH_PER_HOST": "batchPerHost", "K6_HTTP_DEBUG": "httpDebug",
		"K6_BLOCK_HOSTNAMES": "blockHostnames", "K6_HOSTS": "hosts", "K6_LOCAL_IPS": "localIPs", "K6_TLS_CIPHER_SUITES": "tlsCipherSuites",
		"K6_SYSTEM_TAGS": "systemTags", "K6_BLACKLIST_IPS": "blacklistIPs",
	} {
		text, ok := env[name]
		if !ok || text == "" {
			continue
		}
		if err := fields[key](asJSON(key, text)); err != nil {
			return o, fmt.Errorf("%s: %w", name, err)
		}
	}
	var err error
	if text := env["K6_STAGES"]; text != "" {
		if o.Stages, err = ParseStages(strings.Split(text, ",")); err != nil {
			return o, fmt.Errorf("K6_STAGES: %w", err)
		}
	}
	if text := env["K6_DNS"]; text != "" {
		if o.DNS, err = ParseDNS(text); err != nil {
			return o, fmt.Errorf("K6_DNS: %w", err)
		}
	}
	if text := env["K6_TAGS"]; text != "" {
		if o.Tags, err = ParsePairs(strings.Split(text, ",")); err != nil {
			return o, fmt.Errorf("K6_TAGS: %w", err)
		}
	}
	return o, nil
}

func asJSON(key, text string) []byte {
	switch key {
	case "userAgent", "summaryTimeUnit", "httpDebug", "localIPs":
		b, _ := json.Marshal(text)
		return b
	case "summaryTrendStats", "systemTags", "blacklistIPs", "blockHostnames", "tlsCipherSuites":
		b, _ := json.Marshal(strings.Split(text, ","))
		return b
	case "insecureSkipTLSVerify", "noConnectionReuse", "noVUConnectionReuse", "discardResponseBodies", "noCookiesReset", "throw", "paused", "noSetup", "noTeardown":
		switch strings.ToLower(text) {
		case "1", "true":
			return []byte("true")
		case "0", "false":
			return []byte("false")
		}
	}
	return []byte(text)
}

// ParseStages reads stages as flags write them: "30s:10".
func ParseStages(list []string) ([]pace.Stage, error) {
	out := make([]pace.Stage, 0, len(list))
	for _, s := range list {
		length, target, ok := strings.Cut(s, ":")
		if !ok {
			return nil, fmt.Errorf("stage %q: want DURATION:TARGET like 30s:10", s)
		}
		d, err := ParseDuration(strings.TrimSpace(length))
		if err != nil {
			return nil, fmt.Errorf("stage %q: %w", s, err)
		}
		var n *int64
		if err := whole(&n, 0)([]byte(target)); err != nil {
			return nil, fmt.Errorf("stage %q: %w", s, err)
		}
		out = append(out, pace.Stage{Duration: d, Target: *n})
	}
	return out, nil
}

// ParsePairs reads "name=value" texts.
func ParsePairs(list []string) (map[string]string, error) {
	out := make(map[string]string, len(list))
	for _, s := range list {
		k, v, ok := strings.Cut(s, "=")
		if !ok || strings.TrimSpace(k) == "" {
			return nil, fmt.Errorf("%.60q: want NAME=VALUE", s)
		}
		out[strings.TrimSpace(k)] = v
	}
	return out, nil
}
