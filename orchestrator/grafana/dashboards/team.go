package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// toRun leads from a cell that holds a testid to the dashboard of the run.
const toRun = "/d/" + RunUID + "?var-datasource=${datasource}&var-team=${__data.fields.team}&var-testid=${__value.raw}&${__url_time_range}"

// toTeam leads from a cell that holds a team to its dashboard.
const toTeam = "/d/" + TeamUID + "?var-datasource=${datasource}&var-team=${__value.raw}&${__url_time_range}"

// runsTable lists the runs that select chooses by what Prometheus' recording
// rules keep of each.
func runsTable(choose string) panel {
	last := func(metric string) string { return fmt.Sprintf("last_over_time(%s{%s}[$__range])", metric, choose) }
	return panel{
		shape: grid, title: "Runs", about: "The runs of the time shown: what was asked, how much of it in vain, and how fast the judged phase was. Needs the recording rules.",
		unit: "short", width: 24, height: 10, step: pushed, links: map[string]string{"testid": toRun},
		queries: []query{
			{expr: "sum by (team, test_scenario, level, testid) (" + last("testid:http_reqs:sum") + ")", legend: "Requests", unit: "short"},
			{expr: "sum by (team, test_scenario, level, testid) (" + last("testid:http_reqs_unexpected:sum") + ") / sum by (team, test_scenario, level, testid) (" + last("testid:http_reqs:sum") + ")",
				legend: "Not as expected", unit: "percentunit"},
			{expr: quantileOf("sum by (team, test_scenario, level, testid) (" + last("testid:http_req_duration_seconds:sum") + ")"), legend: "Latency", unit: "s"},
		},
	}
}

func teamSheet() sheet {
	return sheet{
		uid: TeamUID, name: "team", title: "HackLoad / Team", from: "now-24h", refresh: "1m", marks: []string{"hackload", "team:$team"},
		about: "All that is measured of one team. Confirmation links of criteria lead here.",
		variables: []cog.Builder[dashboard.VariableModel]{
			choice("team", `{__name__=~"k6_vus|hackload_deployment_up|hackload_git_up"}`, "The team."),
			quantileChoice(),
		},
		rows: []row{
			{"Under load", append([]panel{runsTable(`team="$team"`)}, underLoad()...)},
			{"Without load", withoutLoad()},
		},
	}
}

func underLoad() []panel {
	const name = "{{test_scenario}} {{level}}"
	return []panel{
		{shape: graph, title: "Latency", about: "The chosen quantile of request durations by script and level, the judged phase. Needs the recording rules.", unit: "s", width: 12, height: 9, step: pushed,
			queries: []query{{expr: quantileOf(`team:http_req_duration_seconds:rate1m{team="$team"}`), legend: name}}},
		{shape: graph, title: "Requests", about: "Requests per second by script and level. Needs the recording rules.", unit: "reqps", width: 12, height: 9, step: pushed,
			queries: []query{{expr: `team:http_reqs:rate1m{team="$team"}`, legend: name}}},
		{shape: graph, title: "Virtual users", about: "Users at work by script and level.", unit: "short", width: 12, height: 9, step: pushed,
			queries: []query{{expr: `sum by (test_scenario, level) (k6_vus{team="$team"})`, legend: name}}},
		{shape: graph, title: "Answers", about: "Requests per second by HTTP status; 0 is no answer.", unit: "reqps", width: 12, height: 9, step: pushed,
			queries: []query{{expr: `sum by (status) (rate(k6_http_reqs_total{team="$team"}[$__rate_interval]))`, legend: "{{status}}"}}},
	}
}

// withoutLoad shows what the exporters know. Several replicas may each export
// it, so the largest value stands for all.
func withoutLoad() []panel {
	of := func(metric string) string { return fmt.Sprintf(`max by (team) (%s{team="$team"})`, metric) }
	small := func(title, about, unit string, expr string) panel {
		return panel{shape: number, title: title, about: about, unit: unit, width: 4, height: 4, step: scraped, queries: []query{{expr: expr}}}
	}
	spent := small("Spent", "What the team has spent, in the currency beside it.", "short", `max by (currency) (hackload_cost_spent{team="$team"})`)
	spent.queries[0].legend = "{{currency}}"
	return []panel{
		small("Service meets the rule", "Whether the deployed service met the contest's rule.", "bool_yes_no", of("hackload_deployment_passed")),
		small("Answers in", "Mean time until the service's answers, without load.", "s", of("hackload_deployment_response_time_seconds")),
		small("Endpoints that work", "Share of the tried endpoints that answered as the API says.", "percentunit", of("hackload_deployment_working_endpoints")+" / "+of("hackload_deployment_endpoints")),
		small("Repository meets the rule", "Whether the repository meets the contest's rule.", "bool_yes_no", of("hackload_git_passed")),
		small("Last commit", "When the last commit on the default branch was made.", "dateTimeFromNow", of("hackload_git_last_commit_timestamp_seconds")+" * 1000"),
		spent,
		{shape: graph, title: "Response time without load", about: "Mean time until the service's answers.", unit: "s", width: 12, height: 8, step: scraped,
			queries: []query{{expr: of("hackload_deployment_response_time_seconds"), legend: "response time"}}},
		{shape: graph, title: "Commits", about: "Commits on the default branch since the contest's start.", unit: "short", width: 12, height: 8, step: scraped,
			queries: []query{{expr: of("hackload_git_commits"), legend: "commits"}}},
	}
}
