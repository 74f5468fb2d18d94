package contest

// Carried is what one generator of a run carried, or failed at.
type Carried struct {
	VUs    float64  `json:"vus"`             // virtual users that it had
	Rate   float64  `json:"rate"`            // iterations per second that it was to begin
	CPU    float64  `json:"cpu"`             // highest share of what it might use, 0–1
	Heap   float64  `json:"heap"`            // highest, bytes
	Short  Shortage `json:"short,omitempty"` // of what it had too little; empty: it was well
	Memory int64    `json:"memory"`          // as the run's Shape
	Asked  int64    `json:"asked"`           // thousandths of a processor, as the run's Shape
}
