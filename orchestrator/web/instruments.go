package web

import (
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// JobStatus is how one firing of a service ended: the label "status".
type JobStatus string

// A firing is skipped when the one before it is still at work.
const (
	JobSucceeded JobStatus = "success"
	JobFailed    JobStatus = "failure"
	JobSkipped   JobStatus = "skipped"
)

// Instruments count what the orchestrator does. All methods may be called from
// any goroutine. Label values come from closed sets only: services, statuses,
// outcomes and HTTP status codes.
type Instruments struct {
	jobs     *prometheus.CounterVec
	duration *prometheus.HistogramVec
	teams    *prometheus.CounterVec
	runs     *prometheus.CounterVec
	queries  prometheus.Counter
	hub      *prometheus.CounterVec
}

// NewRegistry returns a registry with the metrics of the Go runtime and of the
// process already in it.
func NewRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// NewInstruments registers the orchestrator's counters with reg, each already
// at zero, so that the first event is seen as a rise. It panics when reg holds
// them already.
func NewInstruments(reg prometheus.Registerer, version string) *Instruments {
	service := []string{"service"}
	in := &Instruments{
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "job_executions_total", Help: "Firings of a service by how they ended."}, []string{"service", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "job_duration_seconds", Help: "How long a firing of a service took.",
			Buckets:                     []float64{0.5, 1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
		}, service),
		teams: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "teams_processed_total", Help: "Teams that a service reached a verdict on."}, service),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hackload_runs_total", Help: "Load runs by what became of them; invalid means that we could not measure."}, []string{"service", "outcome"}),
		queries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hackload_prometheus_queries_total", Help: "Queries sent to the metric store."}),
		hub: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hackload_hub_requests_total", Help: "Requests to the Hub by HTTP status code, none when no answer came."}, []string{"code"}),
	}
	reg.MustRegister(in.jobs, in.duration, in.teams, in.runs, in.queries, in.hub, buildInfo(version))
	in.zero()
	return in
}

func (in *Instruments) zero() {
	for _, s := range contest.Services() {
		for _, status := range []JobStatus{JobSucceeded, JobFailed, JobSkipped} {
			in.jobs.WithLabelValues(s.Name, string(status))
		}
		in.duration.WithLabelValues(s.Name)
		in.teams.WithLabelValues(s.Name)
		for _, o := range []contest.Outcome{contest.OutcomePassed, contest.OutcomeFailed, contest.OutcomeInvalid} {
			if s.Load() {
				in.runs.WithLabelValues(s.Name, string(o))
			}
		}
	}
	in.hub.WithLabelValues("200")
	in.hub.WithLabelValues("none")
}

// JobDone counts one firing of a service. A skipped one has no duration.
func (in *Instruments) JobDone(s contest.Service, status JobStatus, took time.Duration) {
	in.jobs.WithLabelValues(s.Name, string(status)).Inc()
	if status != JobSkipped {
		in.duration.WithLabelValues(s.Name).Observe(took.Seconds())
	}
}

// TeamsProcessed counts n more teams that the service reached a verdict on.
func (in *Instruments) TeamsProcessed(s contest.Service, n int) {
	in.teams.WithLabelValues(s.Name).Add(float64(n))
}

// RunJudged counts one load run.
func (in *Instruments) RunJudged(s contest.Service, o contest.Outcome) {
	in.runs.WithLabelValues(s.Name, string(o)).Inc()
}

// PrometheusQuery counts one query to the metric store.
func (in *Instruments) PrometheusQuery() { in.queries.Inc() }

// HubRequest counts one request to the Hub by the status code of its answer, 0
// when none came.
func (in *Instruments) HubRequest(code int) {
	label := "none"
	if code >= 100 && code <= 599 {
		label = strconv.Itoa(code)
	}
	in.hub.WithLabelValues(label).Inc()
}

func buildInfo(version string) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "hackload_build_info", Help: "Always 1; the labels say what was built.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version(), "goos": runtime.GOOS, "goarch": runtime.GOARCH},
	})
	info.Set(1)
	return info
}

// Metrics returns the handler of the metrics port: /metrics in the Prometheus
// text format, and a signpost at /.
func Metrics(reg *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError, // half of the metrics are better than none
		MaxRequestsInFlight: 4,
		Timeout:             requestTimeout,
		EnableOpenMetrics:   true,
	}))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		writeText(w, http.StatusOK, "HackLoad Orchestrator: metrics are at /metrics\n")
	})
	return guarded(mux)
}
