package launch

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// resultFlag names the file of the result. A process of ours is also known by
// it when the launcher was killed before it could write down the pid.
const resultFlag = "--result-file"

// runArgs returns the arguments of a generator. No secret is among them: any
// user of the machine can read them.
func (l *Launcher) runArgs(f folder, launch contest.Launch) []string {
	args := append(slices.Clone(l.cfg.Args), "run", f.script(launch.Scenario),
		"--out", "prometheus-rw",
		"--tag", "testid="+string(launch.TestID),
		"--tag", "team="+string(launch.Team),
		"--tag", "test_scenario="+launch.Scenario,
		"--tag", "level="+strconv.Itoa(launch.Level.Users),
		"--instance-id", "1",
		"--progress-file", f.file(progressFile),
		"--summary-export", f.file(summaryFile),
		resultFlag, f.file(resultFile),
	)
	if !launch.Full {
		args = append(args, "--abort-when-lost")
	}
	args = append(args, "--quiet")
	for _, cidr := range l.cfg.BlacklistIPs {
		args = append(args, "--blacklist-ip", cidr)
	}
	return args
}

// scriptEnv hands variables to the script, in order of name. As k6 does, the
// generator shows its environment to the script: a team's address, which may
// hold a password, is not for everybody who may list processes.
func scriptEnv(env map[string]string) []string {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(env)) {
		pairs = append(pairs, k+"="+env[k])
	}
	return pairs
}

// runEnv returns the environment of a generator: the script's, where its metrics
// go, and what a program needs to run.
func (l *Launcher) runEnv(launch contest.Launch) []string {
	return append(l.baseEnv(), scriptEnv(launch.Variables(l.cfg.PushInterval))...)
}

// baseEnv picks from the orchestrator's environment. The list is closed, so that
// the Hub's key, or a secret that somebody adds later, never reaches a script.
func (l *Launcher) baseEnv() []string {
	allowed := []string{
		"PATH", "HOME", "TMPDIR", "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR",
		"GOGC", "GOTRACEBACK",
	}
	var env []string
	for _, pair := range l.cfg.Environ {
		// GOMEMLIMIT and GOMAXPROCS bound the orchestrator alone; a generator has
		// its own under another name.
		own, ok := strings.CutPrefix(pair, ownLimits)
		if k, _, _ := strings.Cut(pair, "="); slices.Contains(allowed, k) {
			env = append(env, pair)
		} else if k, _, _ := strings.Cut(own, "="); ok && (k == "GOMEMLIMIT" || k == "GOMAXPROCS") {
			env = append(env, own)
		}
	}
	return env
}

// ownLimits begins the names of the variables that limit generators:
// LOADGEN_GOMEMLIMIT and LOADGEN_GOMAXPROCS.
const ownLimits = "LOADGEN_"
