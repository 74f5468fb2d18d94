package contest

import "fmt"

// Shortage is what a run's generators had too little of.
type Shortage string

// Shortages. The zero value is none.
const (
	ShortOfMemory Shortage = "memory" // one was killed for it, or put out by its node
	ShortOfPower  Shortage = "power"  // they could not keep up with the plan
)

// Shape is how many generators a run gets, and what each of them is. It is
// chosen before the launch and written with the run, so that whoever goes on with
// the run has the same.
type Shape struct {
	Runners int   `json:"runners"`
	Memory  int64 `json:"memory,omitempty"` // bytes that each may use; 0: not bounded
	CPU     int64 `json:"cpu,omitempty"`    // thousandths of a processor that each asks for; 0: none

	// MostRunners and MostMemory are how far another attempt may go.
	MostRunners int   `json:"mostRunners"`
	MostMemory  int64 `json:"mostMemory,omitempty"`

	VUs  int `json:"vus"`  // virtual users that each is taken to have
	Rate int `json:"rate"` // iterations per second that each is taken to begin
	// Learned is how many earlier runs VUs and Rate come from; 0: they are configured.
	Learned int `json:"learned,omitempty"`

	// Remedy is why the shape is larger than that of the attempt before, in a
	// sentence. Empty when it is not.
	Remedy string `json:"remedy,omitempty"`
}

// String tells the shape to people: "6 runners of 1Gi".
func (s Shape) String() string {
	text := fmt.Sprintf("%d runners", s.Runners)
	if s.Runners == 1 {
		text = "1 runner"
	}
	if s.Memory > 0 {
		text += " of " + Bytes(s.Memory)
	}
	return text
}

// Bytes writes an amount of memory as Kubernetes does: 512Mi, 1Gi.
func Bytes(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 30, "Gi"}, {1 << 20, "Mi"}, {1 << 10, "Ki"}} {
		if n >= unit.size && n%unit.size == 0 {
			return fmt.Sprintf("%d%s", n/unit.size, unit.name)
		}
	}
	return fmt.Sprint(n)
}
