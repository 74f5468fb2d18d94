package contest

import (
	"math"
	"time"
)

// Level is one rung of the ladder that a team climbs: so many users arrive per
// time unit for so long, and passing it is worth so many points.
type Level struct {
	Users     int      `json:"users" yaml:"users"`                     // arrivals per TimeUnit
	TimeUnit  Duration `json:"time_unit" yaml:"time_unit"`             // zero means one second
	Ramp      Duration `json:"ramp" yaml:"ramp"`                       // warm-up before the judged phase
	Duration  Duration `json:"duration" yaml:"duration"`               // length of the judged phase
	Points    int      `json:"points" yaml:"points"`                   // worth of passing
	UsersFile string   `json:"users_file,omitempty" yaml:"users_file"` // data set of users; empty: the embedded one
}

// Unit returns the level's time unit, one second when it is not set.
func (l Level) Unit() time.Duration {
	if l.TimeUnit <= 0 {
		return time.Second
	}
	return l.TimeUnit.D()
}

// Rate returns the level's arrival rate in iterations per second.
func (l Level) Rate() float64 { return float64(l.Users) / l.Unit().Seconds() }

// VUs returns how many virtual users an open model needs so that a service
// whose latency stays within bound never makes the generator drop iterations:
// ceil(rate × max(2 × bound, bound + 1 s)) for each request of an iteration, + 1.
func (l Level) VUs(bound time.Duration, requestsPerIteration int) int {
	each := max(2*bound, bound+time.Second)
	// One product of whole numbers, then one division: a rate that is rounded
	// first would ask for one more where the quotient is whole.
	busy := math.Ceil(float64(l.Users) * float64(each) / float64(l.Unit()))
	return int(busy)*max(1, requestsPerIteration) + 1
}
