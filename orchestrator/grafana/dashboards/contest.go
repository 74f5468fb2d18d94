package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func contestSheet() sheet {
	return sheet{
		uid: ContestUID, name: "contest", title: "HackLoad / Contest", from: "now-6h", refresh: "1m", marks: []string{"hackload"},
		about: "All teams at a glance: who is under load, who answers, who is slow.",
		variables: []cog.Builder[dashboard.VariableModel]{
			choice("test_scenario", "k6_vus", "The script that puts teams under load.").Multi(true).IncludeAll(true).AllValue(".+"),
			quantileChoice(),
		},
		rows: []row{
			{"Now", contestNow()},
			{"Under load", contestLoad()},
			{"Without load", []panel{standings()}},
		},
	}
}

func contestNow() []panel {
	small := func(title, about, unit, expr string) panel {
		return panel{shape: number, title: title, about: about, unit: unit, width: 6, height: 4, step: scraped, queries: []query{{expr: expr}}}
	}
	unmeasured := small("Could not be measured", "Teams that a service could not measure in three rounds in a row or more, added up over the services.", "short",
		"sum(max by (service) (hackload_invalid_streak))")
	unmeasured.steps = badFrom(1)
	return []panel{
		small("Runs under way", "Load runs that are under way.", "short", "max(hackload_active_runs)"),
		small("Load", "Requests per second that all generators make now.", "reqps", "max(hackload_generator_requests_per_second)"),
		small("Services that meet the rule", "Teams whose deployed service met the contest's rule.", "short", "sum(max by (team) (hackload_deployment_passed))"),
		unmeasured,
	}
}

func contestLoad() []panel {
	const name = "{{team}} {{test_scenario}} {{level}}"
	return []panel{
		{shape: graph, title: "Slowest teams", about: "The ten highest of the chosen quantile of request durations, the judged phase. Needs the recording rules.", unit: "s", width: 12, height: 10, step: pushed,
			queries: []query{{expr: "topk(10, " + quantileOf(`team:http_req_duration_seconds:rate1m{test_scenario=~"$test_scenario"}`) + ")", legend: name}}},
		{shape: graph, title: "Load by team", about: "Requests per second. Needs the recording rules.", unit: "reqps", width: 12, height: 10, step: pushed,
			queries: []query{{expr: `topk(10, team:http_reqs:rate1m{test_scenario=~"$test_scenario"})`, legend: name}}},
		runsTable(`test_scenario=~"$test_scenario"`),
		{shape: graph, title: "Verdicts on runs", about: "Load runs by what became of them. Invalid: we could not measure.", unit: "short", width: 12, height: 8, step: scraped,
			queries: []query{{expr: "sum by (outcome) (increase(hackload_runs_total[$__rate_interval]))", legend: "{{outcome}}"}}},
		{shape: graph, title: "Teams with a verdict", about: "Teams that a service reached a verdict on.", unit: "short", width: 12, height: 8, step: scraped,
			queries: []query{{expr: "sum by (service) (increase(teams_processed_total[$__rate_interval]))", legend: "{{service}}"}}},
	}
}

func standings() panel {
	of := func(metric string) string { return fmt.Sprintf("max by (team) (%s)", metric) }
	return panel{
		shape: grid, title: "Teams", about: "What the exporters know of each team.", unit: "short", width: 24, height: 12, step: scraped, links: map[string]string{"team": toTeam},
		queries: []query{
			{expr: of("hackload_deployment_passed"), legend: "Service meets the rule", unit: "bool_yes_no"},
			{expr: of("hackload_deployment_response_time_seconds"), legend: "Answers in", unit: "s"},
			{expr: of("hackload_git_passed"), legend: "Repository meets the rule", unit: "bool_yes_no"},
			{expr: of("hackload_git_commits"), legend: "Commits", unit: "short"},
			{expr: of("hackload_git_last_commit_timestamp_seconds") + " * 1000", legend: "Last commit", unit: "dateTimeFromNow"},
			{expr: of("hackload_cost_score_points"), legend: "Points for spend", unit: "short"},
		},
	}
}
