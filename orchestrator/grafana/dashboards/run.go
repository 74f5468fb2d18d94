package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// judged selects the phases of a run whose latency counts: not the warm-up and
// not what happens once beside the load. Requests of setup() have no phase.
const judged = `scenario!~"|warmup|walk|contention|verify"`

// total is the last value of a counter of the chosen runs, whose counters begin
// at zero. absent counters were never added to.
func total(metric, by, more string) string {
	return fmt.Sprintf(`sum%s(last_over_time(%s{testid=~"$testid"%s}[$__range]))`, by, metric, more)
}

// rate is how fast a counter of the chosen runs rises.
func rate(metric, by, more string) string {
	return fmt.Sprintf(`sum%s(rate(%s{testid=~"$testid"%s}[$__rate_interval]))`, by, metric, more)
}

// orNone is expr, or zero where like has something: a counter that was never
// added to has no series.
func orNone(expr, like string) string { return fmt.Sprintf("(%s or %s * 0)", expr, like) }

// quantileOf is the chosen quantile of a native histogram.
func quantileOf(histogram string) string { return "histogram_quantile($quantile, " + histogram + ")" }

func runSheet() sheet {
	return sheet{
		uid: RunUID, name: "run", title: "HackLoad / Run", from: "now-1h", refresh: "10s",
		about: "What decided about a run, how it went, and whether it was the load generator's fault. Confirmation links of runs lead here.",
		variables: []cog.Builder[dashboard.VariableModel]{
			choice("team", "k6_vus", "The team, to choose its runs by.").IncludeAll(true).AllValue(".+"),
			choice("testid", `k6_vus{team=~"$team"}`, "The launch: every repeat of a run has its own.").Multi(true),
			quantileChoice(),
		},
		rows: []row{
			{"What decided", decided()},
			{"Over time", overTime()},
			{"By request and by check", byRequest()},
			{"Bookings", bookings()},
			{"The load generator", generator()},
		},
	}
}

func decided() []panel {
	requests, unexpected := total("k6_http_reqs_total", "", ""), total("k6_http_reqs_total", "", `, expected_response="false"`)
	within, samples := total("k6_threshold_within_total", " by (threshold) ", ""), total("k6_threshold_samples_total", " by (threshold) ", "")
	return []panel{
		{shape: number, title: "Requests", about: "Requests of all phases and generators.", unit: "short", width: 4, height: 4, step: pushed,
			queries: []query{{expr: requests}}},
		{shape: number, title: "As expected", about: "Share of requests whose answer was the expected one, all phases.", unit: "percentunit", width: 4, height: 4, step: pushed,
			queries: []query{{expr: "1 - " + orNone(unexpected, requests) + " / " + requests}}},
		{shape: number, title: "Latency by phase", about: "The chosen quantile of request durations, from merged histograms. Rules are decided by the counts below; this is an estimate.",
			unit: "s", width: 8, height: 4, step: pushed,
			queries: []query{{expr: quantileOf(total("k6_http_req_duration_seconds", " by (scenario) ", `, scenario!=""`)), legend: "{{scenario}}"}}},
		{shape: number, title: "Dropped iterations", about: "Iterations that were planned and could not begin, for want of a free virtual user.", unit: "short", width: 4, height: 4, step: pushed,
			queries: []query{{expr: orNone(total("k6_dropped_iterations_total", "", ""), total("k6_iterations_total", "", ""))}}, steps: badFrom(1)},
		{shape: number, title: "Most virtual users", about: "The most virtual users at work at once.", unit: "short", width: 4, height: 4, step: pushed,
			queries: []query{{expr: `sum(max_over_time(k6_vus{testid=~"$testid"}[$__range]))`}}},
		{shape: grid, title: "Thresholds", about: "The counts that decide: how many samples there were, and how many kept the bound.", unit: "short", width: 24, height: 6, step: pushed,
			queries: []query{
				{expr: within, legend: "Within the bound", unit: "short"},
				{expr: samples, legend: "Samples", unit: "short"},
				{expr: within + " / " + samples, legend: "Share", unit: "percentunit"},
			}},
	}
}

func overTime() []panel {
	duration := rate("k6_http_req_duration_seconds", "", "")
	counted := rate("k6_http_req_duration_seconds", "", ", "+judged)
	parts := panel{shape: graph, title: "Where the time goes", about: "The chosen quantile of each part of a request. Quantiles of parts do not add up to the whole.",
		unit: "s", width: 12, height: 9, step: pushed}
	for _, part := range []string{"blocked", "connecting", "tls_handshaking", "sending", "waiting", "receiving"} {
		parts.queries = append(parts.queries, query{expr: quantileOf(rate("k6_http_req_"+part+"_seconds", "", "")), legend: part})
	}
	return []panel{
		{shape: graph, title: "Latency", about: "Request durations of the judged phase, all generators.", unit: "s", width: 12, height: 9, step: pushed,
			queries: []query{{expr: quantileOf(counted), legend: "quantile $quantile"}, {expr: "histogram_quantile(0.5, " + counted + ")", legend: "median"}}},
		{shape: graph, title: "Requests", about: "Requests per second by whether the answer was the expected one.", unit: "reqps", width: 12, height: 9, step: pushed,
			queries: []query{{expr: rate("k6_http_reqs_total", " by (expected_response) ", ""), legend: "expected: {{expected_response}}"}}},
		{shape: graph, title: "Answers", about: "Requests per second by HTTP status; 0 is no answer, with k6's error code.", unit: "reqps", width: 12, height: 9, step: pushed,
			queries: []query{{expr: rate("k6_http_reqs_total", " by (status, error_code) ", ""), legend: "{{status}} {{error_code}}"}}},
		{shape: graph, title: "Virtual users", about: "Users at work, and those that there are.", unit: "short", width: 12, height: 9, step: pushed,
			queries: []query{{expr: `sum(k6_vus{testid=~"$testid"})`, legend: "at work"}, {expr: `sum(k6_vus_max{testid=~"$testid"})`, legend: "there are"}}},
		{shape: graph, title: "Iterations", about: "Iterations that ended, and planned ones that could not begin.", unit: "cps", width: 12, height: 9, step: pushed,
			queries: []query{
				{expr: rate("k6_iterations_total", " by (scenario) ", ""), legend: "{{scenario}}"},
				{expr: orNone(rate("k6_dropped_iterations_total", "", ""), rate("k6_iterations_total", "", "")), legend: "dropped"},
			}},
		{shape: graph, title: "Data", about: "Bytes that the generators received and sent.", unit: "Bps", width: 12, height: 9, step: pushed,
			queries: []query{{expr: rate("k6_data_received_total", "", ""), legend: "received"}, {expr: rate("k6_data_sent_total", "", ""), legend: "sent"}}},
		parts,
		{shape: heat, title: "Distribution of latency", about: "Requests per second by their duration, all phases and generators.", unit: "s", width: 12, height: 9, step: pushed,
			queries: []query{{expr: duration}}},
	}
}

func byRequest() []panel {
	by := " by (method, name) "
	requests := total("k6_http_reqs_total", by, "")
	return []panel{
		{shape: grid, title: "Requests by endpoint", about: "What was asked, how often, how often in vain and how fast, all phases.", unit: "short", width: 24, height: 9, step: pushed,
			queries: []query{
				{expr: requests, legend: "Requests", unit: "short"},
				{expr: orNone(total("k6_http_reqs_total", by, `, expected_response="false"`), requests) + " / " + requests, legend: "Not as expected", unit: "percentunit"},
				{expr: quantileOf(total("k6_http_req_duration_seconds", by, "")), legend: "Latency", unit: "s"},
			}},
		{shape: grid, title: "Checks", about: "What the script checked of the answers.", unit: "short", width: 24, height: 7, step: pushed,
			queries: []query{
				{expr: total("k6_checks_true_total", " by (check) ", ""), legend: "Held", unit: "short"},
				{expr: total("k6_checks_false_total", " by (check) ", ""), legend: "Did not hold", unit: "short"},
			}},
	}
}

func bookings() []panel {
	made := total("k6_successful_bookings_total", "", "")
	return []panel{
		{shape: number, title: "Booked", about: "Bookings that succeeded. Empty for a run that books nothing.", unit: "short", width: 6, height: 4, step: pushed,
			queries: []query{{expr: made}}},
		{shape: number, title: "Failed bookings", about: "Bookings that failed. A seat that another user took first is no failure.", unit: "short", width: 6, height: 4, step: pushed,
			queries: []query{{expr: orNone(total("k6_failed_bookings_total", "", ""), made)}}, steps: badFrom(1)},
		{shape: number, title: "Conflicts", about: "Seats that another user took first: counted, no failure.", unit: "short", width: 6, height: 4, step: pushed,
			queries: []query{{expr: orNone(total("k6_conflict_bookings_total", "", ""), made)}}},
		{shape: number, title: "Seats sold twice", about: "Found when every user's bookings were read at the end. Empty when nothing could be proved.", unit: "short", width: 6, height: 4, step: pushed,
			queries: []query{{expr: total("k6_double_sold_seats_total", "", "")}}, steps: badFrom(1)},
	}
}

func generator() []panel {
	worst := func(metric string) string {
		return fmt.Sprintf(`max by (testid, instance_id) (%s{testid=~"$testid"})`, metric)
	}
	const name = "{{testid}} {{instance_id}}"
	return []panel{
		{shape: graph, title: "Processor", about: "Share of its processor time that each generator used. Near 1 its numbers tell of itself.", unit: "percentunit", width: 6, height: 8, step: pushed,
			queries: []query{{expr: worst("k6_generator_cpu_ratio"), legend: name}}},
		{shape: graph, title: "Scheduling delay", about: "How long the generator's work waited for a processor, 99 of 100 times.", unit: "s", width: 6, height: 8, step: pushed,
			queries: []query{{expr: worst("k6_generator_sched_latency_seconds"), legend: name}}},
		{shape: graph, title: "Memory", about: "Heap of each generator.", unit: "bytes", width: 6, height: 8, step: pushed,
			queries: []query{{expr: worst("k6_generator_heap_bytes"), legend: name}}},
		{shape: graph, title: "Lost writes", about: "Pushes of metrics that the store did not take.", unit: "cps", width: 6, height: 8, step: pushed,
			queries: []query{{expr: rate("k6_generator_dropped_writes_total", " by (testid, instance_id) ", ""), legend: name}}},
	}
}
