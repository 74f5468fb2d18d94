package contest

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"time"
)

// ErrTryAgain is in the chain of a launcher's error that says nothing of the
// launch: the same call, a moment later, may well succeed.
var ErrTryAgain = errors.New("try again in a moment")

// ErrUnusable is in the chain of the error about a script that no generator can
// run, so that another try is of no use before somebody has edited it.
var ErrUnusable = errors.New("the script cannot be used")

// Script is what a scenario file declares once it has been evaluated with one
// level's environment.
type Script struct {
	Name       string           `json:"name"`   // "search"
	SHA256     string           `json:"sha256"` // of the bundled content, imports included
	Thresholds []Threshold      `json:"thresholds"`
	Scenarios  []ScriptScenario `json:"scenarios"`
}

// ScriptScenario is one entry of a script's options.scenarios.
type ScriptScenario struct {
	Name     string   `json:"name"`     // k6's scenario tag: warmup, steady, …
	Executor string   `json:"executor"` // k6's executor name
	Exec     string   `json:"exec"`
	Start    Duration `json:"startTime"`
	Duration Duration `json:"duration"`          // without gracefulStop
	Planned  int64    `json:"plannedIterations"` // zero when the executor does not fix it
	MaxVUs   int      `json:"maxVUs"`
}

// Length returns how long the script takes without gracefulStop.
func (s Script) Length() time.Duration {
	var longest time.Duration
	for _, sc := range s.Scenarios {
		longest = max(longest, sc.Start.D()+sc.Duration.D())
	}
	return longest
}

// Planned returns how many iterations the k6 scenario name is meant to start.
func (s Script) Planned(name string) int64 {
	for _, sc := range s.Scenarios {
		if sc.Name == name {
			return sc.Planned
		}
	}
	return 0
}

// Launch is everything that a launcher needs to put one run under load. It
// holds no secret beyond WriteToken, which is worth nothing after the launch.
type Launch struct {
	TestID   TestID            `json:"testId"`
	Team     Slug              `json:"team"`
	Scenario string            `json:"scenario"` // script name without ".js"
	Level    Level             `json:"level"`
	Env      map[string]string `json:"env"` // the script's environment: API_URL, USERS, …
	Timeout  Duration          `json:"timeout"`

	// Full means that the run goes on to its end although a threshold of the
	// script is lost, because others are in force.
	Full bool `json:"full,omitempty"`

	WriteURL   string `json:"writeUrl"`   // Prometheus remote write
	WriteToken string `json:"-"`          // bearer token made for this launch
	Generators int    `json:"generators"` // how many generators share the load, at least 1
	// Memory is what each generator may use, in bytes; 0 leaves it to the launcher.
	// A launcher on this machine does not bound it.
	Memory int64 `json:"memory,omitempty"`
}

const maxScenario = 64 // bytes

var scenarioPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// ValidScenario reports whether name can be that of a script: it leads nowhere
// else, and has no ".js".
func ValidScenario(name string) bool {
	return len(name) <= maxScenario && scenarioPattern.MatchString(name)
}

// Check refuses a launch that no launcher could run.
func (l Launch) Check() error {
	switch {
	case !l.TestID.Valid():
		return fmt.Errorf("launch: testid %.200q is not valid", l.TestID)
	case !l.Team.Valid():
		return fmt.Errorf("launch %s: team %.200q is not valid", l.TestID, l.Team)
	case !ValidScenario(l.Scenario):
		return fmt.Errorf("launch %s: scenario %.200q is not a script's name", l.TestID, l.Scenario)
	}
	if err := CheckVariables(l.Env); err != nil {
		return fmt.Errorf("launch %s: %w", l.TestID, err)
	}
	return nil
}

// Variables are what a generator is told through its environment: its script's
// variables, the team where the level names none, and where its series go. push
// is how often they go there; 0 leaves that to the generator. Among them are
// secrets.
func (l Launch) Variables(push time.Duration) map[string]string {
	v := map[string]string{"TEAM": string(l.Team)}
	maps.Copy(v, l.Env)
	v[WriteURLVariable] = l.WriteURL
	if l.WriteToken != "" {
		v[WriteTokenVariable] = l.WriteToken
	}
	if push > 0 {
		v[PushIntervalVariable] = push.String()
	}
	return v
}

// LaunchState is where a launch stands.
type LaunchState string

// States of a launch. LaunchGone means that the launcher does not know the
// testid: it was never started, or nothing of it is left to adopt.
const (
	LaunchRunning LaunchState = "running"
	LaunchDone    LaunchState = "done"
	LaunchGone    LaunchState = "gone"
)

// LaunchStatus is what a launcher knows of a launch right now.
type LaunchStatus struct {
	State    LaunchState  `json:"state"`
	Progress Progress     `json:"progress"`
	Result   LaunchResult `json:"result"` // when State is LaunchDone
}

// Progress is a generator's live view of its own run, for people to look at.
// Verdicts never use it.
type Progress struct {
	Elapsed  Duration `json:"elapsed"`
	Planned  Duration `json:"planned"`
	Phase    string   `json:"phase"` // the k6 scenarios under way, comma-separated
	Requests int64    `json:"requests"`
	RPS      float64  `json:"rps"`      // over the last second or so
	P95      float64  `json:"p95"`      // ms, so far
	Failures int64    `json:"failures"` // requests that failed, so far
	Dropped  int64    `json:"dropped"`
	VUs      int      `json:"vus"`
}

// LaunchResult is how a launch ended.
type LaunchResult struct {
	Started    time.Time `json:"started"`
	Ended      time.Time `json:"ended"`
	ExitCodes  []int     `json:"exitCodes"` // k6's, one per generator; -1: killed by a signal
	Generators int       `json:"generators"`
	Aborted    bool      `json:"aborted,omitempty"` // a threshold with abortOnFail ended it early
	// Trouble is what was wrong with the generators themselves, in a sentence
	// ("generator 1 of 1 was killed after 41 s"). Empty when nothing was.
	Trouble string `json:"trouble,omitempty"`
	// Unusable is why the script can be run by no generator, with its own message
	// and the place of it. Another try would end the same. Empty when it ran.
	Unusable string `json:"unusable,omitempty"`
	// Inexact is what these generators tell less exactly than ours do, in a
	// sentence. Empty when that is nothing.
	Inexact string `json:"inexact,omitempty"`
	// Short is what the generators had too little of, where the launcher saw it.
	Short Shortage `json:"short,omitempty"`
	// Shape is what the generators were; nil where nothing chose it.
	Shape *Shape `json:"shape,omitempty"`
}
