package loadgen

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/options"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/output"
)

// flags is the command line of run and inspect.
type flags struct {
	set *pflag.FlagSet

	vus, iterations, maxRedirects  int64
	duration, minIteration         string
	stages, env, tags              []string
	outputs, blacklist             []string
	summaryExport, summaryTimeUnit string
	summaryTrendStats, systemTags  []string
	summaryMode                    string
	noThresholds, noSummary        bool
	noSetup, noTeardown, quiet     bool
	verbose                        bool
	systemEnv                      bool
	insecure, discard, throws      bool
	noConnReuse, noVUConnReuse     bool
	userAgent, httpDebug           string
	rps, batch, batchPerHost       int64
	dns, localIPs                  string
	blockHostnames                 []string
	address, kind                  string
	segment, sequence              string
	noUsageReport                  bool
	progressFile, instanceID       string
	resultFile                     string
	smoke, abortWhenLost           bool
	paused, linger, profiling      bool
	requirements, jsonScript       bool
	archiveOut                     string
	read                           func(path string) ([]byte, error) // in place of os.ReadFile; may be nil
}

// define adds the flags; run says that system variables are visible to the
// script unless it is said otherwise, as in k6.
func (f *flags) define(s *pflag.FlagSet, run bool) {
	f.set = s
	s.SortFlags = false
	s.Int64VarP(&f.vus, "vus", "u", 1, "number of virtual users")
	s.StringVarP(&f.duration, "duration", "d", "", "how long to run, like 30s")
	s.Int64VarP(&f.iterations, "iterations", "i", 1, "iterations that all users share")
	s.StringArrayVarP(&f.stages, "stage", "s", nil, "a stage of a ramp of users, like 30s:10 (repeatable)")
	s.StringArrayVarP(&f.env, "env", "e", nil, "a variable for the script's __ENV, NAME=VALUE (repeatable)")
	s.BoolVar(&f.systemEnv, "include-system-env-vars", run, "let the script see the environment")
	s.StringArrayVar(&f.tags, "tag", nil, "a tag on every sample, NAME=VALUE (repeatable)")
	s.StringArrayVarP(&f.outputs, "out", "o", nil, "where samples go: json=FILE, csv=FILE (a name that ends in .gz is compressed), or prometheus-rw (repeatable)")
	s.StringVar(&f.summaryExport, "summary-export", "", "write the summary as JSON to this file")
	s.StringSliceVar(&f.summaryTrendStats, "summary-trend-stats", nil, "what the summary shows of trends, like avg,p(95)")
	s.StringVar(&f.summaryTimeUnit, "summary-time-unit", "", "unit of times in the summary: s, ms or us")
	s.StringVar(&f.summaryMode, "summary-mode", "full", "full, compact or disabled")
	s.BoolVar(&f.noSummary, "no-summary", false, "write no summary at the end")
	s.BoolVar(&f.noThresholds, "no-thresholds", false, "do not evaluate thresholds")
	s.BoolVar(&f.noSetup, "no-setup", false, "do not run setup()")
	s.BoolVar(&f.noTeardown, "no-teardown", false, "do not run teardown()")
	s.Int64Var(&f.maxRedirects, "max-redirects", 10, "how many redirects a request follows")
	s.StringVar(&f.minIteration, "min-iteration-duration", "", "shortest duration of an iteration")
	s.StringArrayVar(&f.blacklist, "blacklist-ip", nil, "an address or CIDR that must not be dialed (repeatable)")
	s.StringSliceVar(&f.blockHostnames, "block-hostnames", nil, "a host that must not be asked for, like *.example.org (repeatable)")
	s.StringVar(&f.dns, "dns", "", "how names are looked up, like ttl=5m,select=random,policy=preferIPv4")
	s.StringVar(&f.localIPs, "local-ips", "", "addresses that connections come from, like 192.0.2.1,198.51.100.0/28")
	s.Int64Var(&f.rps, "rps", 0, "most requests per second, of all users together")
	s.Int64Var(&f.batch, "batch", 20, "requests of one batch that are under way at once")
	s.Int64Var(&f.batchPerHost, "batch-per-host", 6, "of those, to one host")
	s.BoolVar(&f.insecure, "insecure-skip-tls-verify", false, "accept any TLS certificate")
	s.BoolVar(&f.noConnReuse, "no-connection-reuse", false, "a new connection for each request")
	s.BoolVar(&f.noVUConnReuse, "no-vu-connection-reuse", false, "new connections for each iteration")
	s.BoolVar(&f.discard, "discard-response-bodies", false, "do not keep answers' bodies")
	s.BoolVarP(&f.throws, "throw", "w", false, "a failed request throws an exception")
	s.StringVar(&f.userAgent, "user-agent", "", "User-Agent header of requests")
	s.StringSliceVar(&f.systemTags, "system-tags", nil, "only these system tags, like method,status")
	s.StringVar(&f.httpDebug, "http-debug", "", "print requests and answers; =full with bodies")
	s.Lookup("http-debug").NoOptDefVal = "headers"
	s.StringVar(&f.segment, "execution-segment", "", "this generator's share, like 0:1/3")
	s.StringVar(&f.sequence, "execution-segment-sequence", "", "how the test is shared, like 0,1/3,2/3,1")
	s.StringVarP(&f.address, "address", "a", "", "serve k6's REST API at this address, like localhost:6565")
	s.BoolVarP(&f.paused, "paused", "p", false, "wait for a start through the REST API")
	s.BoolVarP(&f.linger, "linger", "l", false, "keep the REST API up when the test has ended")
	s.BoolVar(&f.profiling, "profiling-enabled", false, "serve profiles for 'go tool pprof' beside the REST API, under /debug/pprof/")
	s.StringVarP(&f.kind, "type", "t", "", "what SCRIPT is: js or archive (default: by its name)")
	s.BoolVarP(&f.quiet, "quiet", "q", false, "print no progress")
	s.BoolVarP(&f.verbose, "verbose", "v", false, "log more")
	s.BoolVar(&f.noUsageReport, "no-usage-report", true, "accepted for compatibility: nothing is ever reported")
	s.StringVar(&f.progressFile, "progress-file", "", "keep the state of the test in this JSON file")
	s.StringVar(&f.resultFile, "result-file", "", "write exit code and times to this JSON file in the very end")
	s.StringVar(&f.instanceID, "instance-id", "", "this generator's name among several")
	s.BoolVar(&f.smoke, "smoke", false, "do one iteration and print each request and answer")
	s.BoolVar(&f.abortWhenLost, "abort-when-lost", false, "stop as soon as a threshold cannot be met any more")
}

// check refuses flags that make no sense.
func (f *flags) check() error {
	switch {
	case !oneOf(f.kind, "", "js", "archive"):
		return coded(exitConfig, "--type %s: want js or archive", f.kind)
	case f.httpDebug != "" && f.httpDebug != "headers" && f.httpDebug != "full":
		return coded(exitConfig, "--http-debug=%s: want --http-debug or --http-debug=full", f.httpDebug)
	case !oneOf(f.summaryMode, "full", "compact", "disabled"):
		return coded(exitConfig, "--summary-mode %s: want full, compact or disabled", f.summaryMode)
	}
	for _, o := range f.outputs {
		if name, _, _ := strings.Cut(o, "="); !oneOf(name, "prometheus-rw", "experimental-prometheus-rw", "json", "csv") {
			return coded(exitConfig, "--out %s: want json=FILE, csv=FILE or prometheus-rw (also called experimental-prometheus-rw)", name)
		}
	}
	return nil
}

func oneOf(s string, list ...string) bool {
	for _, l := range list {
		if s == l {
			return true
		}
	}
	return false
}

// options returns the tier of options that the flags are.
func (f *flags) options() (o options.Options, err error) {
	given := func(name string) bool { return f.set.Changed(name) }
	given64 := func(name string, v int64) *int64 {
		if !given(name) {
			return nil
		}
		return &v
	}
	givenBool := func(name string, v bool) *bool {
		if !given(name) {
			return nil
		}
		return &v
	}
	o.VUs, o.Iterations, o.MaxRedirects = given64("vus", f.vus), given64("iterations", f.iterations), given64("max-redirects", f.maxRedirects)
	o.InsecureSkipTLSVerify, o.NoConnectionReuse = givenBool("insecure-skip-tls-verify", f.insecure), givenBool("no-connection-reuse", f.noConnReuse)
	o.NoVUConnectionReuse, o.DiscardResponseBodies = givenBool("no-vu-connection-reuse", f.noVUConnReuse), givenBool("discard-response-bodies", f.discard)
	o.Paused = givenBool("paused", f.paused)
	o.Throw, o.NoSetup, o.NoTeardown = givenBool("throw", f.throws), givenBool("no-setup", f.noSetup), givenBool("no-teardown", f.noTeardown)
	for name, to := range map[string]**time.Duration{"duration": &o.Duration, "min-iteration-duration": &o.MinIterationDuration} {
		if given(name) {
			d, err := options.ParseDuration(f.set.Lookup(name).Value.String())
			if err != nil {
				return o, coded(exitConfig, "--%s: %w", name, err)
			}
			*to = &d
		}
	}
	for name, to := range map[string]**string{
		"user-agent": &o.UserAgent, "http-debug": &o.HTTPDebug, "execution-segment": &o.ExecutionSegment,
		"execution-segment-sequence": &o.ExecutionSegmentSequence, "summary-time-unit": &o.SummaryTimeUnit,
	} {
		if given(name) {
			v := f.set.Lookup(name).Value.String()
			*to = &v
		}
	}
	o.RPS, o.Batch, o.BatchPerHost = given64("rps", f.rps), given64("batch", f.batch), given64("batch-per-host", f.batchPerHost)
	o.SummaryTrendStats, o.SystemTags, o.BlockHostnames = f.summaryTrendStats, f.systemTags, f.blockHostnames
	return o, f.lists(&o)
}

// lists reads the repeatable flags.
func (f *flags) lists(o *options.Options) (err error) {
	if len(f.stages) > 0 {
		if o.Stages, err = options.ParseStages(f.stages); err != nil {
			return coded(exitConfig, "--stage: %w", err)
		}
	}
	if f.dns != "" {
		if o.DNS, err = options.ParseDNS(f.dns); err != nil {
			return coded(exitConfig, "--dns: %w", err)
		}
	}
	if f.localIPs != "" {
		if o.LocalIPs, err = options.ParseLocalIPs(f.localIPs); err != nil {
			return coded(exitConfig, "--local-ips: %w", err)
		}
	}
	if _, err := options.ParseBlocklist(f.blacklist); err != nil {
		return coded(exitConfig, "--blacklist-ip: %w", err)
	}
	for _, stat := range f.summaryTrendStats {
		if err := output.CheckTrendStat(stat); err != nil {
			return coded(exitConfig, "--summary-trend-stats: %w", err)
		}
	}
	return nil
}

// pairs reads --env or --tag.
func pairs(name string, list []string) (map[string]string, error) {
	out, err := options.ParsePairs(list)
	if err != nil {
		return nil, &codedError{exitConfig, fmt.Errorf("--%s: %w", name, err)}
	}
	return out, nil
}
