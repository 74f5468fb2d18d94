package launch

import (
	"fmt"
	"syscall"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Why a generator was told to stop.
const (
	stoppedOnRequest = "request"
	stoppedByTimeout = "timeout"
)

// stopOrder is the content of stopFile.
type stopOrder struct {
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// launchResult returns how an ended launch ended.
func (f folder) launchResult() contest.LaunchResult {
	r, _ := f.result()
	var order stopOrder
	_ = readJSON(f.file(stopFile), &order) // absent unless it was told to stop
	result := contest.LaunchResult{Started: r.Started, Ended: r.Ended, ExitCodes: []int{r.ExitCode}, Generators: 1, Aborted: r.Aborted, Inexact: r.Inexact}
	said := trouble(r, order.Reason, f.lastWords())
	if order.Reason == "" && ofScript(r.ExitCode) {
		result.Unusable = said
	} else {
		result.Trouble = said
	}
	return result
}

// ofScript reports whether an exit code says that the script is at fault: its
// options (104) or its code (107). Another generator would end the same.
func ofScript(code int) bool { return code == 104 || code == 107 }

// trouble says in a sentence what was wrong with the generator itself, or
// nothing. Crossed thresholds (99) and an abort by the script (108, 110) are
// results, not trouble. reason is that of an order to stop, words is the last
// that the generator said.
func trouble(r Result, reason, words string) string {
	lasted := r.Ended.Sub(r.Started)
	what := "generator 1 of 1 "
	switch {
	case r.ExitCode == 0, r.ExitCode == 99, r.ExitCode == 108, r.ExitCode == 110:
		return ""
	case reason == stoppedByTimeout:
		what += "was stopped by its timeout " + took(lasted)
		words = ""
	case reason == stoppedOnRequest:
		what += "was stopped on request " + took(lasted)
		words = ""
	case r.ExitCode < 0 && r.Signal != "" && r.Signal != "killed":
		what += fmt.Sprintf("was ended by a signal (%s) %s", r.Signal, took(lasted))
	case r.ExitCode < 0:
		what += "was killed " + took(lasted)
		words = "" // whoever killed it gave it no time to say why
	default:
		return what + ending(r.ExitCode, lasted, words)
	}
	switch {
	case reason != "" && r.ExitCode < 0 && r.Signal != syscall.SIGTERM.String():
		what += ", and had to be killed"
	case words != "":
		what += ": " + words
	}
	return what
}

// codeMeans returns what an exit code of k6 tells of a generator.
func codeMeans(code int) string {
	switch code {
	case 100:
		return "ran out of time in setup()"
	case 101:
		return "ran out of time in teardown()"
	case 102:
		return "ran out of time"
	case 104:
		return "refused its configuration"
	case 105:
		return "was interrupted"
	case 107:
		return "met an exception in the script"
	case 109:
		return "panicked"
	case 120:
		return "had no file descriptors, ports or memory left"
	case 255:
		return "could not begin"
	}
	return fmt.Sprintf("ended with exit code %d", code)
}
