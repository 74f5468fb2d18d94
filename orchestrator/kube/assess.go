package kube

import (
	"fmt"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
)

// view is all that is known of a launch at one moment.
type view struct {
	record
	run        *TestRun // nil: there is none, or it is being deleted
	runSeen    bool     // there was one
	generators []generator
	seen       time.Time // when this process first saw it, by the clock that now is of
	now        time.Time
}

// limits are how long a launch may take for what.
type limits struct {
	begin  time.Duration // until all generators load
	create time.Duration // until there is a TestRun
	grace  time.Duration // from SIGTERM to SIGKILL
	memory string        // a generator's limit, for people, where the launch has none of its own
}

const (
	createWithin = 30 * time.Second
	farewell     = time.Minute // longer than grace that a Pod may take to go
)

// step is what is to be done about a launch.
type step struct {
	stop  *stopOrder    // end it, for this reason
	ended bool          // it has come to its end: write the result
	again time.Duration // look again then, also if nothing happens; 0: no need
}

// assess decides what to do. It only looks at v.
func assess(v view, l limits) step {
	if v.stop != nil {
		return v.leaving(l)
	}
	said, short := v.trouble(l)
	over := v.all(func(g generator) bool { return g.over })
	switch {
	case over && said == "":
		return step{ended: true}
	case v.run == nil && v.runSeen:
		return v.end(stoppedByTrouble, "the TestRun was deleted by somebody else"+after(max(0, v.now.Sub(v.started()))))
	case said != "":
		ending := v.end(stoppedByTrouble, said)
		ending.stop.Short = short
		return ending
	case v.run == nil:
		if left := v.seen.Add(l.create).Sub(v.now); left > 0 {
			return step{again: left}
		}
		return v.end(stoppedByTrouble, "there is no TestRun: the launch was interrupted while it was being ordered")
	}
	return v.schedule(l)
}

// schedule holds a launch that goes well to its times.
func (v view) schedule(l limits) step {
	if v.run.Status.Stage == StageError {
		return v.end(stoppedByTrouble, "k6-operator refused the TestRun (its stage is error): its own log says why")
	}
	began, ok := v.began()
	if !ok {
		left := v.seen.Add(l.begin).Sub(v.now)
		if left > 0 {
			return step{again: left}
		}
		return v.end(stoppedByTrouble, v.unbegun(l))
	}
	if left := began.Add(v.launch.Timeout.D()).Sub(v.now); left > 0 {
		return step{again: left}
	}
	return v.end(stoppedByTimeout, "")
}

// leaving waits for the generators of a launch that was told to stop.
func (v view) leaving(l limits) step {
	quiet := v.run == nil
	for _, g := range v.generators {
		quiet = quiet && g.over
	}
	if quiet {
		return step{ended: true}
	}
	left := v.stop.At.Add(l.grace + farewell).Sub(v.now)
	if left <= 0 {
		return step{ended: true} // a node that is away lets no Pod go
	}
	return step{again: left}
}

func (v view) end(reason, trouble string) step {
	return step{stop: &stopOrder{Reason: reason, Trouble: trouble, At: v.now}}
}

// all reports whether every generator is known and like that.
func (v view) all(like func(g generator) bool) bool {
	n := 0
	for _, g := range v.generators {
		if like(g) {
			n++
		}
	}
	return n >= v.launch.Generators
}

// trouble says what was done to a generator that makes the whole run worthless,
// and what it had too little of.
func (v view) trouble(l limits) (said string, short contest.Shortage) {
	for _, g := range v.generators {
		said := g.trouble
		if said == "" && g.over && g.killed {
			said = "was killed"
		}
		if said == "" && g.leaving && !g.over {
			said = "was deleted by somebody else"
		}
		if said == "" {
			continue
		}
		what := v.call(g) + " " + insert(said, after(g.lasted(v.now)))
		memory := l.memory
		if v.launch.Memory > 0 {
			memory = contest.Bytes(v.launch.Memory)
		}
		if g.trouble == "was OOM-killed" && memory != "" {
			what += "; memory limit " + memory
		}
		return what, g.short
	}
	return "", ""
}

// insert puts the time between what happened and the reason for it.
func insert(said, when string) string {
	for i := range said {
		if said[i] == ':' {
			return said[:i] + when + said[i:]
		}
	}
	return said + when
}

func (v view) call(g generator) string {
	return fmt.Sprintf("generator %d of %d", g.no, v.launch.Generators)
}

// began returns when the generators were told to load.
func (v view) began() (time.Time, bool) {
	for _, c := range v.run.Status.Conditions {
		if c.Type == "TestRunRunning" && c.Status == "True" {
			return c.LastTransitionTime.Time, true
		}
	}
	switch v.run.Status.Stage {
	case StageStarted, StageStopped, StageFinished:
		return v.started(), true
	}
	return time.Time{}, false
}

// started returns when the first generator ran, or when it was ordered.
func (v view) started() time.Time {
	first := time.Time{}
	for _, g := range v.generators {
		if !g.started.IsZero() && (first.IsZero() || g.started.Before(first)) {
			first = g.started
		}
	}
	if first.IsZero() {
		return v.created
	}
	return first
}

// after says how long something lasted, to the second.
func after(d time.Duration) string {
	return fmt.Sprintf(" after %.0f s", d.Round(time.Second).Seconds())
}

// unbegun says why there is no load although it is time.
func (v view) unbegun(l limits) string {
	within := fmt.Sprintf("within %.0f s", l.begin.Seconds())
	up := 0
	for _, g := range v.generators {
		if g.hindered != "" {
			return fmt.Sprintf("%s did not start %s: %s", v.call(g), within, g.hindered)
		}
		if !g.started.IsZero() {
			up++
		}
	}
	stage := v.run.Status.Stage
	switch {
	case stage == "":
		return fmt.Sprintf("nothing was done about the TestRun %s %s: does k6-operator run, and does it watch namespace %s?", v.run.Name, within, v.run.Namespace)
	case up < v.launch.Generators:
		return fmt.Sprintf("%d of %d generators ran %s (the TestRun's stage is %s)", up, v.launch.Generators, within, stage)
	}
	return fmt.Sprintf("the generators were not told to begin %s (the TestRun's stage is %s): k6-operator must reach port %d of their Services", within, stage, restPort)
}

// outcome is how an ended launch ended. log is what the first generator said that
// did not end well, which is blamed.
func (v view) outcome(blamed *generator, log string) contest.LaunchResult {
	r := contest.LaunchResult{Started: v.started(), Generators: v.launch.Generators, ExitCodes: make([]int, v.launch.Generators)}
	for i := range r.ExitCodes {
		r.ExitCodes[i] = -1
	}
	deaf := false
	for _, g := range v.generators {
		if g.no > 0 && g.no <= len(r.ExitCodes) && g.over {
			r.ExitCodes[g.no-1] = g.code
		}
		deaf = deaf || g.killed
		if g.ended.After(r.Ended) {
			r.Ended = g.ended
		}
	}
	if r.Ended.Before(r.Started) {
		r.Ended = v.now
	}
	if r.Ended.Before(r.Started) {
		r.Ended = r.Started // the clocks of two machines
	}
	switch {
	case v.stop != nil:
		r.Trouble, r.Short = v.stop.words(r.Ended.Sub(r.Started), deaf), v.stop.Short
	case blamed != nil:
		said, script := launch.Ending(blamed.code, blamed.lasted(v.now), log)
		r.Aborted = blamed.code == 99 && crossed(log)
		if said != "" && script {
			r.Unusable = v.call(*blamed) + " " + said
		} else if said != "" {
			r.Trouble = v.call(*blamed) + " " + said
		}
	}
	return r
}

// words say why it was ended, in a sentence.
func (o stopOrder) words(lasted time.Duration, deaf bool) string {
	killed := ""
	if deaf {
		killed = ", and had to be killed"
	}
	switch o.Reason {
	case stoppedByTimeout:
		return "the run was stopped by its timeout" + after(lasted) + killed
	case stoppedOnRequest:
		return "the run was stopped on request" + after(lasted) + killed
	}
	return o.Trouble
}

// blame picks the generator that tells best why a run ended as it did: one that
// met an error before one that only lost a threshold.
func (v view) blame() *generator {
	var worst *generator
	for i, g := range v.generators {
		if g.code == 0 || !g.over {
			continue
		}
		if said, _ := launch.Ending(g.code, 0, ""); worst == nil || said != "" && worst.code == 99 {
			worst = &v.generators[i]
		}
	}
	return worst
}
