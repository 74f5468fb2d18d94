package options

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/pace"
)

// JSON writes the options as they are in force, under k6's keys: what a script
// reads as exec.test.options and what inspect prints. extra adds members.
func (o Options) JSON(scenarios []Scenario, extra map[string]any) ([]byte, error) {
	out := map[string]any{}
	put(out, "vus", o.VUs)
	put(out, "iterations", o.Iterations)
	put(out, "userAgent", o.UserAgent)
	put(out, "insecureSkipTLSVerify", o.InsecureSkipTLSVerify)
	put(out, "noConnectionReuse", o.NoConnectionReuse)
	put(out, "noVUConnectionReuse", o.NoVUConnectionReuse)
	put(out, "discardResponseBodies", o.DiscardResponseBodies)
	put(out, "noCookiesReset", o.NoCookiesReset)
	put(out, "throw", o.Throw)
	put(out, "maxRedirects", o.MaxRedirects)
	put(out, "rps", o.RPS)
	put(out, "batch", o.Batch)
	put(out, "batchPerHost", o.BatchPerHost)
	put(out, "httpDebug", o.HTTPDebug)
	if o.Hosts != nil {
		out["hosts"] = o.Hosts
	}
	put(out, "paused", o.Paused)
	put(out, "noSetup", o.NoSetup)
	put(out, "noTeardown", o.NoTeardown)
	put(out, "summaryTimeUnit", o.SummaryTimeUnit)
	put(out, "executionSegment", o.ExecutionSegment)
	put(out, "executionSegmentSequence", o.ExecutionSegmentSequence)
	for key, d := range map[string]*time.Duration{
		"duration": o.Duration, "setupTimeout": o.SetupTimeout, "teardownTimeout": o.TeardownTimeout,
		"handleSummaryTimeout": o.HandleSummaryTimeout, "minIterationDuration": o.MinIterationDuration,
	} {
		if d != nil {
			out[key] = d.String()
		}
	}
	if o.Stages != nil {
		out["stages"] = stagesJSON(o.Stages)
	}
	if o.Tags != nil {
		out["tags"] = o.Tags
	}
	for key, list := range map[string][]string{
		"systemTags": o.SystemTags, "summaryTrendStats": o.SummaryTrendStats, "blacklistIPs": o.BlacklistIPs,
		"blockHostnames": o.BlockHostnames,
	} {
		if list != nil {
			out[key] = list
		}
	}
	out["scenarios"] = scenariosJSON(scenarios)
	out["thresholds"] = o.thresholdsJSON()
	o.networkJSON(out)
	for k, v := range extra {
		out[k] = v
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write options: %w", err)
	}
	return b, nil
}

// networkJSON adds what was said of the network, but for the keys of
// certificates, which are secrets.
func (o Options) networkJSON(out map[string]any) {
	dns := map[string]any{}
	put(dns, "select", o.DNS.Select)
	put(dns, "policy", o.DNS.Policy)
	if ttl := o.DNS.TTL; ttl != nil {
		dns["ttl"] = ttl.String()
		if *ttl < 0 {
			dns["ttl"] = "inf"
		}
	}
	if len(dns) > 0 {
		out["dns"] = dns
	}
	if len(o.LocalIPs) > 0 {
		var list []string
		for _, a := range o.LocalIPs {
			list = append(list, a.String())
		}
		out["localIPs"] = strings.Join(list, ",")
	}
	if v := o.TLSVersion; v != nil {
		out["tlsVersion"] = map[string]any{"min": tlsName(v.Min), "max": tlsName(v.Max)}
	}
	var suites []string
	for _, id := range o.TLSCipherSuites {
		suites = append(suites, tls.CipherSuiteName(id))
	}
	if suites != nil {
		out["tlsCipherSuites"] = suites
	}
}

// tlsName is the reverse of tlsVersion; an open end has no name.
func tlsName(version uint16) string {
	for _, name := range []string{"tls1.0", "tls1.1", "tls1.2", "tls1.3"} {
		if v, err := tlsVersion(name); err == nil && v == version {
			return name
		}
	}
	return ""
}

func put[T any](out map[string]any, key string, v *T) {
	if v != nil {
		out[key] = *v
	}
}

func stagesJSON(stages []pace.Stage) []map[string]any {
	out := []map[string]any{}
	for _, s := range stages {
		out = append(out, map[string]any{"duration": s.Duration.String(), "target": s.Target})
	}
	return out
}

func scenariosJSON(scenarios []Scenario) map[string]any {
	out := map[string]any{}
	for _, s := range scenarios {
		m := map[string]any{
			"executor": s.Executor, "startTime": s.StartTime.String(), "gracefulStop": s.GracefulStop.String(),
			"exec": s.Exec, "env": s.Env, "tags": s.Tags,
		}
		own := map[string]any{
			"vus": s.VUs, "iterations": s.Iterations, "maxDuration": s.MaxDuration.String(), "duration": s.Duration.String(),
			"startVUs": s.StartVUs, "gracefulRampDown": s.GracefulRampDown.String(), "stages": stagesJSON(s.Stages),
			"rate": s.Rate, "startRate": s.StartRate, "timeUnit": s.TimeUnit.String(),
			"preAllocatedVUs": s.PreAllocatedVUs, "maxVUs": s.MaxVUs,
		}
		for _, key := range scenarioKeys(s.Executor) {
			if v, ok := own[key]; ok {
				m[key] = v
			}
		}
		out[s.Name] = m
	}
	return out
}

// thresholdsJSON writes thresholds as the script wrote them.
func (o Options) thresholdsJSON() map[string]any {
	out := map[string]any{}
	for _, t := range o.Thresholds {
		selector := cmp.Or(o.Written[t.Selector()], t.Selector())
		expression := cmp.Or(o.Written[t.String()], t.Expression())
		var rule any = expression
		if t.AbortOnFail {
			rule = map[string]any{"threshold": expression, "abortOnFail": true, "delayAbortEval": t.DelayAbortEval.String()}
		}
		rules, _ := out[selector].([]any)
		out[selector] = append(rules, rule)
	}
	return out
}
