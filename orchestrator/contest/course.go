package contest

import "time"

// Course is how a run went over time, at regular moments, for people to look at.
// No rule is decided by it: rates and quantiles are taken over a window of a few
// flushes of the generators.
type Course struct {
	From    time.Time     `json:"from"`   // when the run was launched
	Step    Duration      `json:"step"`   // between two moments
	Window  Duration      `json:"window"` // that rates and quantiles look back over
	Points  []CoursePoint `json:"points"`
	Queries []AskedQuery  `json:"queries"` // word for word; asked from From to At, at each Step
}

// CoursePoint is one moment of a run, over all of its phases and generators.
type CoursePoint struct {
	At     float64 `json:"at"`            // seconds since the launch
	RPS    float64 `json:"rps"`           // requests per second
	Failed float64 `json:"failed"`        // of these, those whose answer was not the expected one
	P50    float64 `json:"p50,omitempty"` // ms; 0: no request was answered
	P95    float64 `json:"p95,omitempty"` // ms; 0: no request was answered
	VUs    float64 `json:"vus"`           // virtual users at work
}

// Series is one series of a range query's answer, its points in order of time.
type Series struct {
	Labels map[string]string
	Points []Point
}

// Point is a value at a time. Histogram is set instead of Value where the
// series holds native histograms.
type Point struct {
	At        time.Time
	Value     float64
	Histogram *Histogram
}
