package loadgen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/httpx"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/options"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/output"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/pace"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

const initTimeout = time.Minute

// test is a script with everything that is to be known before it runs.
type test struct {
	name      string    // of the script's file
	archive   *archived // that the script came in; nil for a file
	program   *script.Program
	registry  *metric.Registry
	options   options.Options
	scenarios []options.Scenario
	stripe    pace.Stripe
	needs     options.Requirements
	runTags   map[string]string
	config    *script.Config
	log       *slog.Logger
}

// load compiles the script, reads its options and lays flags and variables
// over them. Errors carry exit codes.
func load(ctx context.Context, x IO, f *flags, path string) (*test, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	path = x.path(path)
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, coded(exitUsage, "the script %s does not exist", path)
		}
		return nil, coded(exitUsage, "open script: %w", err)
	}
	t := &test{name: filepath.Base(path), registry: metric.NewRegistry(), log: newLog(x, f)}
	src := script.Source{Path: path, ReadFile: f.read}
	var err error
	if f.kind == "archive" || f.kind == "" && filepath.Ext(path) == ".tar" {
		if t.archive, err = openArchive(path); err != nil {
			return nil, err
		}
		t.name = filepath.Base(t.archive.script())
		src = script.Source{Path: t.archive.script(), ReadFile: t.archive.read, Fetch: t.archive.fetch}
	}
	if t.program, err = script.Compile(src); err != nil {
		return nil, coded(exitScript, "%s: %w", t.name, err)
	}
	for _, w := range t.program.Warnings {
		t.log.Warn(w)
	}
	f.abortWhenLost = f.abortWhenLost || x.env()[contest.AbortVariable] == "true"
	env, err := t.scriptEnv(x.env(), f)
	if err != nil {
		return nil, err
	}
	t.config = &script.Config{
		Registry: t.registry, Env: env, Log: t.log, Test: &script.Test{},
		HTTP: httpx.NewTransport(httpx.Config{}), Tags: metric.NewTags(nil),
	}
	return t, t.readOptions(ctx, x, f)
}

// scriptError gives what a script did outside of an iteration its exit code.
func scriptError(what string, err error) error {
	var abort *script.AbortError
	if errors.As(err, &abort) {
		return coded(exitAborted, "%s: %w", what, err)
	}
	return coded(exitScript, "%s: %w", what, err)
}

func newLog(x IO, f *flags) *slog.Logger {
	level := slog.LevelInfo
	if f.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(x.Stderr, &slog.HandlerOptions{Level: level}))
}

// scriptEnv is what a script sees as __ENV: never the secrets of the generator.
func (t *test) scriptEnv(system map[string]string, f *flags) (map[string]string, error) {
	env := map[string]string{}
	token := system[contest.WriteTokenVariable]
	if f.systemEnv {
		for k, v := range system {
			secret := strings.HasPrefix(k, "K6_PROMETHEUS_RW_") || strings.HasPrefix(k, "HACKLOAD_") ||
				token != "" && strings.Contains(v, token)
			if !secret {
				env[k] = v
			}
		}
	}
	if t.archive != nil {
		maps.Copy(env, t.archive.meta.Env)
	}
	given, err := pairs("env", f.env)
	maps.Copy(env, given)
	return env, err
}

// readOptions runs the init context once, for the script's options and metrics.
func (t *test) readOptions(ctx context.Context, x IO, f *flags) error {
	ctx, cancel := context.WithTimeout(ctx, initTimeout)
	defer cancel()
	vm, err := t.program.New(ctx, t.config, nil, 0)
	if err != nil {
		return scriptError(t.name, err)
	}
	defer vm.Close()
	text, err := vm.OptionsJSON()
	if err != nil {
		return coded(exitScript, "%s: %w", t.name, err)
	}
	said, err := t.decodeOptions(text)
	if err != nil {
		return err
	}
	if t.archive != nil {
		then, err := t.decodeOptions(t.archive.meta.Options) // in force when it was made
		if err != nil {
			return err
		}
		said = then.Over(said)
	}
	fromEnv, err := options.FromEnv(x.env())
	if err != nil {
		return &codedError{exitConfig, err}
	}
	fromFlags, err := f.options()
	if err != nil {
		return err
	}
	t.options = fromFlags.Over(fromEnv.Over(said))
	if err := t.plan(vm); err != nil {
		return coded(exitConfig, "%s: %w", t.name, err)
	}
	return t.configure(x, f)
}

func (t *test) decodeOptions(text []byte) (options.Options, error) {
	said, warnings, err := options.Decode(text)
	for _, w := range warnings {
		t.log.Warn(w, "script", t.name)
	}
	if err != nil {
		return said, coded(exitConfig, "%s: %w", t.name, err)
	}
	return said, nil
}

// plan works the scenarios out and checks what the options refer to.
func (t *test) plan(vm *script.VM) (err error) {
	o := &t.options
	if t.stripe, err = pace.ParseStripe(options.Or(o.ExecutionSegment, ""), options.Or(o.ExecutionSegmentSequence, "")); err != nil {
		return err
	}
	if t.scenarios, err = o.Plan(); err != nil {
		return err
	}
	for _, name := range []string{"setup", "teardown"} {
		if vm.NotFunction(name) {
			return fmt.Errorf("the script exports %s, which is not a function", name)
		}
	}
	if vm.NotFunction("handleSummary") {
		t.log.Warn("the script exports handleSummary, which is not a function, so the usual summary is written")
	}
	for _, s := range t.scenarios {
		if vm.Has(s.Exec) {
			continue
		}
		if s.Exec == "default" {
			return fmt.Errorf("scenario %s: the script has no default export that is a function: write export default function () {…}", s.Name)
		}
		return fmt.Errorf("options.scenarios.%s.exec: the script exports no function %s", s.Name, s.Exec)
	}
	for _, th := range o.Thresholds {
		if err := t.registry.Check(th); err != nil {
			return fmt.Errorf("options.thresholds: %w", err)
		}
	}
	for _, stat := range o.SummaryTrendStats {
		if err := output.CheckTrendStat(stat); err != nil {
			return fmt.Errorf("options.summaryTrendStats: %w", err)
		}
	}
	t.needs = options.Require(t.scenarios, t.stripe)
	return nil
}

// configure makes what all virtual users share.
func (t *test) configure(x IO, f *flags) error {
	o := &t.options
	blocked, err := options.ParseBlocklist(append(slices.Clone(f.blacklist), o.BlacklistIPs...))
	if err != nil {
		return coded(exitConfig, "%s: options.blacklistIPs: %w", t.name, err)
	}
	guard := blocked.Check
	if len(blocked) == 0 {
		guard = func(netip.Addr) error { return nil }
	}
	c := transport(o, guard, x.version())
	c.Proxy, c.OnlyHTTP1 = proxies(x.env()), strings.Contains(x.env()["GODEBUG"], "http2client=0")
	t.config.HTTP = httpx.NewTransport(c)
	tags, err := pairs("tag", f.tags)
	if err != nil {
		return err
	}
	if t.runTags = maps.Clone(o.Tags); t.runTags == nil {
		t.runTags = map[string]string{}
	}
	maps.Copy(t.runTags, tags)
	t.config.Tags = metric.NewTags(t.runTags)
	told := *o
	if told.Tags = t.runTags; len(t.runTags) == 0 {
		told.Tags = nil
	}
	text, err := told.Effective(t.scenarios)
	if err != nil {
		return err
	}
	t.config.Options = script.Options{
		Throw: options.Or(o.Throw, false), DiscardBodies: options.Or(o.DiscardResponseBodies, false),
		MaxRedirects: int(options.Or(o.MaxRedirects, 10)), NoCookiesReset: options.Or(o.NoCookiesReset, false),
		NoConnReuse: options.Or(o.NoVUConnectionReuse, false), MinIteration: options.Or(o.MinIterationDuration, 0),
		Batch: int(options.Or(o.Batch, 0)), BatchPerHost: int(options.Or(o.BatchPerHost, 0)),
		JSON: text, SystemTags: chosenTags(o.SystemTags), TagURLs: asksForURLs(o),
	}
	return nil
}

// Agent is what this generator calls itself to services where no option says
// otherwise.
func Agent(version string) string { return "hackload-loadgen/" + version }

// transport is how requests leave, as the options say.
func transport(o *options.Options, guard func(netip.Addr) error, version string) httpx.Config {
	c := httpx.Config{
		UserAgent: options.Or(o.UserAgent, Agent(version)), Guard: guard,
		InsecureSkipVerify: options.Or(o.InsecureSkipTLSVerify, false), NoConnectionReuse: options.Or(o.NoConnectionReuse, false),
		RPS: int(options.Or(o.RPS, 0)), LocalIPs: o.LocalIPs,
		Names: httpx.Names{Hosts: o.Hosts, Blocked: o.BlockHostnames, Select: options.Or(o.DNS.Select, ""), Policy: options.Or(o.DNS.Policy, "")},
	}
	if o.DNS.TTL != nil {
		switch ttl := *o.DNS.TTL; {
		case ttl < 0:
			c.Names.TTL = forEver
		case ttl == 0:
			c.Names.TTL = -1
		default:
			c.Names.TTL = ttl
		}
	}
	versions := options.Or(o.TLSVersion, options.TLSVersions{Min: tls.VersionTLS12})
	c.TLS = &tls.Config{MinVersion: versions.Min, MaxVersion: versions.Max, CipherSuites: o.TLSCipherSuites}
	for _, cert := range o.TLSAuth {
		c.ClientCertificates = append(c.ClientCertificates, httpx.ClientCertificate(cert))
	}
	return c
}

// forEver is longer than any test.
const forEver = 10 * 365 * 24 * time.Hour

// chosenTags is the closed list of system tags, or nil for k6's own choice.
func chosenTags(list []string) map[string]bool {
	if list == nil {
		return nil
	}
	out := map[string]bool{}
	for _, tag := range list {
		out[tag] = true
	}
	return out
}

// asksForURLs reports whether the options name the tags that hold a request's URL.
func asksForURLs(o *options.Options) bool {
	asked := slices.Contains(o.SystemTags, "url") || slices.Contains(o.SystemTags, "name")
	for _, t := range o.Thresholds {
		asked = asked || t.Tags["url"] != "" || t.Tags["name"] != ""
	}
	return asked
}

// script is what a judge needs to know of the script.
func (t *test) script() contest.Script {
	s := contest.Script{
		Name: strings.TrimSuffix(t.name, filepath.Ext(t.name)), SHA256: t.program.SHA256, Thresholds: t.options.Thresholds,
	}
	for _, sc := range t.scenarios {
		_, most := sc.Users(t.stripe)
		s.Scenarios = append(s.Scenarios, contest.ScriptScenario{
			Name: sc.Name, Executor: sc.Executor, Exec: sc.Exec, Start: contest.Duration(sc.StartTime),
			Duration: contest.Duration(sc.Length()), Planned: sc.Planned(t.stripe), MaxVUs: int(most),
		})
	}
	return s
}
