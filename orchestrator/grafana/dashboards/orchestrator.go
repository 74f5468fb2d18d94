package dashboards

func orchestratorSheet() sheet {
	return sheet{
		uid: OrchestratorUID, name: "orchestrator", title: "HackLoad / Orchestrator", from: "now-6h", refresh: "30s",
		about: "Whether the orchestrator does its work: rounds, queue, the way to the Hub, generators, itself.",
		rows: []row{
			{"Now", orchestratorNow()},
			{"Rounds", rounds()},
			{"Queue and Hub", queueAndHub()},
			{"Generators and sources", sources()},
			{"The process", process()},
		},
	}
}

// What is read from the shared state is the same in every replica, so the
// largest value stands for all; what each process counts is added up.

func orchestratorNow() []panel {
	small := func(title, about, unit, expr, legend string) panel {
		return panel{shape: number, title: title, about: about, unit: unit, width: 4, height: 4, step: scraped, queries: []query{{expr: expr, legend: legend}}}
	}
	all := []panel{
		small("Replicas", "Processes that answer, by what was built.", "short", "count by (version) (hackload_build_info)", "{{version}}"),
		small("Runs under way", "Load runs that are under way.", "short", "max(hackload_active_runs)", ""),
		small("Oldest update", "Age of the oldest update that the Hub has not taken yet.", "s", "max(hackload_outbox_oldest_seconds)", ""),
		small("Parked updates", "Updates that the Hub refused for good.", "short", `max(hackload_outbox_rows{state="parked"})`, ""),
		small("Dead letters", "Jobs that were given up.", "short", `sum(max by (kind) (hackload_queue_jobs{state="discarded"}))`, ""),
		small("Could not be measured", "Teams without a valid measurement in three rounds in a row or more, added up over the services.", "short", "sum(max by (service) (hackload_invalid_streak))", ""),
	}
	all[2].steps = badFrom(900)
	for _, i := range []int{3, 4, 5} {
		all[i].steps = badFrom(1)
	}
	return all
}

func rounds() []panel {
	at := func(what string) string {
		return "max by (service) (hackload_last_round_" + what + "_timestamp_seconds)"
	}
	return []panel{
		{shape: grid, title: "Last rounds", about: "When each service's last rounds were, and how long the last one took; empty while one is under way.", unit: "short", width: 24, height: 9, step: scraped,
			queries: []query{
				{expr: at("start") + " * 1000", legend: "Began", unit: "dateTimeFromNow"},
				{expr: at("end") + " * 1000", legend: "Ended", unit: "dateTimeFromNow"},
				{expr: at("success") + " * 1000", legend: "Succeeded", unit: "dateTimeFromNow"},
				{expr: at("end") + " - " + at("start") + " >= 0", legend: "Took", unit: "s"},
			}},
		{shape: graph, title: "Firings", about: "Firings of a service by how they ended. Skipped: the one before was still at work.", unit: "short", width: 12, height: 8, step: scraped,
			queries: []query{{expr: "sum by (service, status) (increase(job_executions_total[$__rate_interval]))", legend: "{{service}} {{status}}"}}},
		{shape: graph, title: "Verdicts on runs", about: "Load runs by what became of them. Invalid: we could not measure.", unit: "short", width: 12, height: 8, step: scraped,
			queries: []query{{expr: "sum by (service, outcome) (increase(hackload_runs_total[$__rate_interval]))", legend: "{{service}} {{outcome}}"}}},
	}
}

func queueAndHub() []panel {
	return []panel{
		{shape: graph, title: "Jobs", about: "Jobs by kind and state; discarded ones are dead letters.", unit: "short", width: 12, height: 8, step: scraped,
			queries: []query{{expr: "max by (kind, state) (hackload_queue_jobs)", legend: "{{kind}} {{state}}"}}},
		{shape: graph, title: "Oldest job", about: "How long the first job of a kind has been due.", unit: "s", width: 12, height: 8, step: scraped,
			queries: []query{{expr: `max by (kind) (hackload_queue_oldest_seconds{state="available"})`, legend: "{{kind}}"}}},
		{shape: graph, title: "Updates", about: "Updates by where they stand on their way to the Hub.", unit: "short", width: 12, height: 8, step: scraped,
			queries: []query{{expr: "max by (state) (hackload_outbox_rows)", legend: "{{state}}"}}},
		{shape: graph, title: "Requests to the Hub", about: "By HTTP status of the answer; none: no answer came.", unit: "reqps", width: 12, height: 8, step: scraped,
			queries: []query{{expr: "sum by (code) (rate(hackload_hub_requests_total[$__rate_interval]))", legend: "{{code}}"}}},
	}
}

func sources() []panel {
	return []panel{
		{shape: graph, title: "Load", about: "Requests per second that all generators make, and what one can make on this machine.", unit: "reqps", width: 12, height: 8, step: scraped,
			queries: []query{
				{expr: "max(hackload_generator_requests_per_second)", legend: "now"},
				{expr: "max(hackload_generator_ceiling_requests_per_second)", legend: "ceiling of one"},
			}},
		{shape: graph, title: "Use of the generators", about: "The load by the ceiling of one generator.", unit: "percentunit", width: 12, height: 8, step: scraped,
			queries: []query{{expr: "max(hackload_generator_utilization_ratio)", legend: "used"}}},
		{shape: graph, title: "GitHub", about: "Share of GitHub's requests of this hour that is left.", unit: "percentunit", width: 12, height: 8, step: scraped,
			queries: []query{{expr: "min(hackload_github_rate_limit_remaining_requests) / max(hackload_github_rate_limit_requests)", legend: "left"}}},
		{shape: graph, title: "Queries", about: "Queries to the metric store.", unit: "reqps", width: 12, height: 8, step: scraped,
			queries: []query{{expr: "sum(rate(hackload_prometheus_queries_total[$__rate_interval]))", legend: "queries"}}},
	}
}

// process shows only processes that are an orchestrator.
func process() []panel {
	ours := func(expr string) string { return expr + " and on (instance) hackload_build_info" }
	one := func(title, about, unit, expr string) panel {
		return panel{shape: graph, title: title, about: about, unit: unit, width: 8, height: 8, step: scraped, queries: []query{{expr: ours(expr), legend: "{{instance}}"}}}
	}
	return []panel{
		one("Memory", "Resident memory, without the load generators.", "bytes", "process_resident_memory_bytes"),
		one("Processor", "Cores that are busy, without the load generators.", "short", "rate(process_cpu_seconds_total[$__rate_interval])"),
		one("Goroutines", "A number that only rises is a leak.", "short", "go_goroutines"),
	}
}
