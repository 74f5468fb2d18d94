package dashboards

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The tests below hold the rules of Grafana's dashboard-linter, with two
// exceptions. A run is found by its testid and not by job and instance, which
// load generators do not have. And its totals are last values of counters and not
// increases, as the package comment says.

func TestVariables(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		RunUID:          {"datasource", "team", "testid", "quantile"},
		TeamUID:         {"datasource", "team", "quantile"},
		ContestUID:      {"datasource", "test_scenario", "quantile"},
		OrchestratorUID: {"datasource"},
	}
	eachBoard(t, func(t *testing.T, b jsonBoard) {
		var names []string
		for i, v := range b.Templating.List {
			names = append(names, v.Name)
			assert.NotEmpty(t, v.Label, v.Name)
			switch v.Type {
			case "datasource":
				assert.Zero(t, i, "others need it")
				assert.JSONEq(t, `"prometheus"`, string(v.Query))
				assert.Equal(t, "Data source", v.Label)
			case "query":
				assert.Equal(t, "${datasource}", v.Datasource.UID, v.Name)
				assert.Equal(t, 2, v.Refresh, "%s follows the time shown", v.Name)
				series := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`).FindStringSubmatch(v.Definition)
				require.Len(t, series, 3, v.Definition)
				requireParses(t, fill(series[1]))
				assert.Equal(t, v.Name, series[2])
			}
		}
		assert.Equal(t, want[b.UID], names)
	})
}

func TestBoardsAreDescribed(t *testing.T) {
	t.Parallel()
	eachBoard(t, func(t *testing.T, b jsonBoard) {
		assert.True(t, strings.HasPrefix(b.Title, "HackLoad / "), b.Title)
		assert.NotEmpty(t, b.Description)
		assert.False(t, b.Editable, "what is changed in Grafana is lost with the next deployment")
	})
}

func TestPanels(t *testing.T) {
	t.Parallel()
	eachBoard(t, func(t *testing.T, b jsonBoard) {
		ids, taken := map[int]bool{}, map[[2]int]string{}
		for _, p := range b.Panels {
			assert.False(t, ids[p.ID] || p.ID == 0, "%s has the id %d", p.Title, p.ID)
			ids[p.ID] = true
			assert.NotEmpty(t, p.Title)
			requireFree(t, taken, p)
			if p.Type == "row" {
				continue
			}
			assert.True(t, strings.HasSuffix(p.Description, "."), "%s is not described", p.Title)
			assert.Equal(t, "${datasource}", p.Datasource.UID, p.Title)
			assert.Contains(t, []string{pushed, scraped}, p.Interval, p.Title)
			require.NotEmpty(t, p.Targets, p.Title)
			for i, target := range p.Targets {
				assert.Equal(t, "${datasource}", target.Datasource.UID, p.Title)
				assert.NotEmpty(t, p.unitOf(i), "%s %s has no unit", p.Title, target.RefID)
			}
		}
	})
}

// requireFree expects that a panel covers no other and ends at the right edge.
func requireFree(t *testing.T, taken map[[2]int]string, p jsonPanel) {
	t.Helper()
	require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
	for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
		for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
			require.Empty(t, taken[[2]int{x, y}], "%s lies on it", p.Title)
			taken[[2]int{x, y}] = p.Title
		}
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	eachBoard(t, func(t *testing.T, b jsonBoard) {
		for _, p := range b.Panels {
			for _, target := range p.Targets {
				checkQuery(t, b.UID, p.Title, target.Expr)
			}
		}
	})
}

func checkQuery(t *testing.T, uid, title, expr string) {
	t.Helper()
	for _, window := range regexp.MustCompile(`(\w+)\([^()]*\[([^]]+)\]`).FindAllStringSubmatch(expr, -1) {
		switch window[1] {
		case "rate", "irate", "increase":
			assert.Equal(t, "$__rate_interval", window[2], title)
		default:
			assert.Equal(t, "$__range", window[2], title)
		}
	}
	parser.Inspect(requireParses(t, fill(expr)), func(node parser.Node, path []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		checkSelector(t, uid, title, selector)
		counter := strings.HasSuffix(selector.Name, "_total")
		over := called(path)
		assert.True(t, !counter || over == "rate" || over == "increase" || over == "last_over_time" && strings.HasPrefix(selector.Name, "k6_"),
			"%s shows the counter %s as it is", title, selector.Name)
		return nil
	})
}

// checkSelector expects that a dashboard of one run or one team asks for that.
func checkSelector(t *testing.T, uid, title string, s *parser.VectorSelector) {
	t.Helper()
	label := map[string]string{RunUID: "testid", TeamUID: "team"}[uid]
	if label == "" {
		return
	}
	found := false
	for _, m := range s.LabelMatchers {
		if m.Name == label {
			found = true
			assert.Equal(t, uid == RunUID, m.Type == labels.MatchRegexp, "%s: several runs can be chosen, one team", title)
		}
	}
	assert.True(t, found, "%s asks for %s of all: %s", title, s.Name, label)
}

// called is the function around a selector.
func called(path []parser.Node) string {
	for i := len(path) - 1; i >= 0; i-- {
		if call, ok := path[i].(*parser.Call); ok {
			return call.Func.Name
		}
	}
	return ""
}

// fill puts something in the place of Grafana's variables.
func fill(expr string) string {
	return strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h", "$quantile", "0.95", "$testid", "good-search-10-01", "$team", "good", "$test_scenario", "search").Replace(expr)
}

func requireParses(t *testing.T, expr string) parser.Expr {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	require.NoError(t, err, expr)
	return parsed
}

// What links carry is what the dashboards know.
func TestLinksBetweenDashboards(t *testing.T) {
	t.Parallel()
	all, err := All()
	require.NoError(t, err)
	known := map[string]bool{}
	for _, b := range all {
		var board jsonBoard
		require.NoError(t, json.Unmarshal(b.JSON, &board))
		for _, v := range board.Templating.List {
			known[b.UID+" "+v.Name] = true
		}
	}
	for _, address := range []string{toRun, toTeam} {
		uid, query, _ := strings.Cut(strings.TrimPrefix(address, "/d/"), "?")
		for _, v := range regexp.MustCompile(`var-(\w+)=`).FindAllStringSubmatch(query, -1) {
			assert.True(t, known[uid+" "+v[1]], address)
		}
	}
}
