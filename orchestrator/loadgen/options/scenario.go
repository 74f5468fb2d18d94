package options

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/pace"
)

// k6's executors.
const (
	ConstantVUs         = "constant-vus"
	RampingVUs          = "ramping-vus"
	SharedIterations    = "shared-iterations"
	PerVUIterations     = "per-vu-iterations"
	ConstantArrivalRate = "constant-arrival-rate"
	RampingArrivalRate  = "ramping-arrival-rate"
)

// Executors lists k6's executors.
func Executors() []string {
	return []string{ConstantArrivalRate, ConstantVUs, PerVUIterations, RampingArrivalRate, RampingVUs, SharedIterations}
}

// Scenario is one entry of options.scenarios with k6's defaults filled in.
// Fields that its executor does not have are zero.
type Scenario struct {
	Name         string
	Executor     string
	StartTime    time.Duration
	GracefulStop time.Duration
	Exec         string
	Env          map[string]string
	Tags         map[string]string

	VUs              int64
	Iterations       int64
	MaxDuration      time.Duration
	Duration         time.Duration
	StartVUs         int64
	GracefulRampDown time.Duration
	Stages           []pace.Stage
	Rate             int64
	StartRate        int64
	TimeUnit         time.Duration
	PreAllocatedVUs  int64
	MaxVUs           int64
}

var scenarioName = regexp.MustCompile(`^[0-9a-zA-Z_-]+$`)

func decodeScenarios(b []byte) ([]Scenario, error) {
	var raw map[string]map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("want an object of name: {executor, …}")
	}
	out := []Scenario{}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		if !scenarioName.MatchString(name) {
			return nil, fmt.Errorf("scenario name %.60q: want letters, digits, _ and -", name)
		}
		s, err := decodeScenario(name, raw[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// scenarioReader collects what one scenario says.
type scenarioReader struct {
	s      Scenario
	number map[string]*int64
	length map[string]*time.Duration
}

func decodeScenario(name string, members map[string]json.RawMessage) (Scenario, error) {
	r := scenarioReader{number: map[string]*int64{}, length: map[string]*time.Duration{}}
	if err := plainText(members["executor"], &r.s.Executor); err != nil || !contains(Executors(), r.s.Executor) {
		return r.s, fmt.Errorf("executor: %s is not an executor: want one of %s", clip(orNothing(members["executor"])), strings.Join(Executors(), ", "))
	}
	allowed := scenarioKeys(r.s.Executor)
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if !contains(allowed, key) {
			return r.s, fmt.Errorf("%s: %s has no such key: it has %s", key, r.s.Executor, strings.Join(allowed, ", "))
		}
		if isNull(members[key]) {
			continue
		}
		if err := r.read(key, members[key]); err != nil {
			return r.s, fmt.Errorf("%s: %w", key, err)
		}
	}
	r.s.Name = name
	r.fill()
	return r.s, r.s.Validate()
}

func orNothing(b []byte) []byte {
	if len(b) == 0 {
		return []byte("nothing")
	}
	return b
}

func plainText(b []byte, to *string) error { return json.Unmarshal(b, to) }

// scenarioKeys lists the keys that a scenario of the executor may have.
func scenarioKeys(executor string) []string {
	own := map[string][]string{
		ConstantVUs:         {"vus", "duration"},
		RampingVUs:          {"startVUs", "stages", "gracefulRampDown"},
		SharedIterations:    {"vus", "iterations", "maxDuration"},
		PerVUIterations:     {"vus", "iterations", "maxDuration"},
		ConstantArrivalRate: {"rate", "timeUnit", "duration", "preAllocatedVUs", "maxVUs"},
		RampingArrivalRate:  {"startRate", "timeUnit", "stages", "preAllocatedVUs", "maxVUs"},
	}[executor]
	return append([]string{"executor", "startTime", "gracefulStop", "env", "exec", "tags", "options"}, own...)
}

func (r *scenarioReader) read(key string, b []byte) (err error) {
	switch key {
	case "executor", "options":
	case "exec":
		err = json.Unmarshal(b, &r.s.Exec)
	case "env":
		r.s.Env, err = decodeStrings(b)
	case "tags":
		r.s.Tags, err = decodeStrings(b)
	case "stages":
		r.s.Stages, err = decodeStages(b)
	case "startTime", "gracefulStop", "duration", "maxDuration", "gracefulRampDown", "timeUnit":
		var d *time.Duration
		err = duration(&d)(b)
		r.length[key] = d
	default:
		var n *int64
		err = whole(&n, 0)(b)
		r.number[key] = n
	}
	return err
}

// fill gives what was not said k6's defaults.
func (r *scenarioReader) fill() {
	s := &r.s
	if s.Exec == "" {
		s.Exec = "default"
	}
	s.StartTime = Or(r.length["startTime"], 0)
	s.GracefulStop = Or(r.length["gracefulStop"], 30*time.Second)
	switch s.Executor {
	case ConstantVUs:
		s.VUs, s.Duration = Or(r.number["vus"], 1), Or(r.length["duration"], 0)
	case SharedIterations, PerVUIterations:
		s.VUs, s.Iterations = Or(r.number["vus"], 1), Or(r.number["iterations"], 1)
		s.MaxDuration = Or(r.length["maxDuration"], 10*time.Minute)
	case RampingVUs:
		s.StartVUs, s.GracefulRampDown = Or(r.number["startVUs"], 1), Or(r.length["gracefulRampDown"], 30*time.Second)
	case ConstantArrivalRate:
		s.Rate, s.Duration = Or(r.number["rate"], 0), Or(r.length["duration"], 0)
	case RampingArrivalRate:
		s.StartRate = Or(r.number["startRate"], 0)
	}
	if s.Arrival() {
		s.TimeUnit = Or(r.length["timeUnit"], time.Second)
		s.PreAllocatedVUs = Or(r.number["preAllocatedVUs"], 0)
		s.MaxVUs = Or(r.number["maxVUs"], s.PreAllocatedVUs)
	}
}

// Arrival reports whether the executor starts iterations at a rate, whether
// or not the ones before are done.
func (s Scenario) Arrival() bool {
	return s.Executor == ConstantArrivalRate || s.Executor == RampingArrivalRate
}

// Validate reports what the executor cannot work with.
func (s Scenario) Validate() error {
	switch {
	case !s.Arrival() && s.Executor != RampingVUs && (s.VUs < 1 || s.VUs > pace.MaxVUs):
		return fmt.Errorf("vus: want 1 to %d", pace.MaxVUs)
	case s.Arrival() && s.PreAllocatedVUs < 1 && s.MaxVUs < 1:
		return fmt.Errorf("preAllocatedVUs: want at least 1")
	case s.Arrival() && s.MaxVUs < s.PreAllocatedVUs:
		return fmt.Errorf("maxVUs: %d is less than preAllocatedVUs, %d", s.MaxVUs, s.PreAllocatedVUs)
	case s.Arrival() && s.MaxVUs > pace.MaxVUs:
		return fmt.Errorf("maxVUs: want at most %d", pace.MaxVUs)
	case s.Arrival() && s.TimeUnit <= 0:
		return fmt.Errorf("timeUnit: want more than 0")
	case s.Executor == ConstantArrivalRate && s.Rate < 1:
		return fmt.Errorf("rate: want at least 1")
	case (s.Executor == ConstantVUs || s.Executor == ConstantArrivalRate) && s.Duration <= 0:
		return fmt.Errorf("duration: want more than 0")
	case (s.Executor == SharedIterations || s.Executor == PerVUIterations) && s.MaxDuration <= 0:
		return fmt.Errorf("maxDuration: want more than 0")
	case s.Iterations < 1 && (s.Executor == SharedIterations || s.Executor == PerVUIterations):
		return fmt.Errorf("iterations: want at least 1")
	case s.Executor == SharedIterations && s.VUs > s.Iterations:
		return fmt.Errorf("vus: %d is more than the %d iterations that they share", s.VUs, s.Iterations)
	case (s.Executor == RampingVUs || s.Executor == RampingArrivalRate) && len(s.Stages) == 0:
		return fmt.Errorf("stages: want at least one")
	}
	return s.checkPlan()
}

func (s Scenario) checkPlan() error {
	if s.Arrival() {
		_, err := s.Arrivals(pace.Stripe{})
		return err
	}
	if s.Executor == RampingVUs {
		_, err := pace.Most(s.StartVUs, s.Stages)
		return err
	}
	return nil
}
