package dashboards

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
)

// TestUnits works out from the names in a query what its answer is measured in,
// and compares that with what the panel claims.
func TestUnits(t *testing.T) {
	t.Parallel()
	units := map[string][]string{
		"s": {"s"}, "bytes": {"bytes"}, "bytes/s": {"Bps"}, "s/s": {"short"},
		"1": {"short", "bool_yes_no"}, "1/s": {"reqps", "cps"}, "share": {"percentunit"}, "epoch ms": {"dateTimeFromNow"},
	}
	eachBoard(t, func(t *testing.T, b jsonBoard) {
		for _, p := range b.Panels {
			for i, target := range p.Targets {
				is := measure(requireParses(t, fill(target.Expr)))
				if p.Type == "heatmap" { // its axis is what the histogram counts
					is = strings.TrimSuffix(is, "/s")
				}
				assert.Contains(t, units[is], p.unitOf(i), "%s %s is in %q: %s", p.Title, target.RefID, is, target.Expr)
			}
		}
	})
}

// Measures that tell the algebra itself apart from one that agrees with everything.
func TestMeasure(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]string{
		`sum(rate(k6_http_reqs_total[1m]))`:                                                       "1/s",
		`histogram_quantile(0.95, sum(rate(k6_http_req_duration_seconds[1m])))`:                   "s",
		`rate(k6_data_received_total[1m])`:                                                        "bytes/s",
		`increase(job_executions_total[1m])`:                                                      "1",
		`1 - (sum(a_total) or sum(b_total) * 0) / sum(b_total)`:                                   "share",
		`hackload_last_round_end_timestamp_seconds - hackload_last_round_start_timestamp_seconds`: "s",
		`time() - hackload_last_round_end_timestamp_seconds`:                                      "s",
		`hackload_git_last_commit_timestamp_seconds * 1000`:                                       "epoch ms",
		`k6_generator_heap_bytes + k6_generator_sched_latency_seconds`:                            "bytes + s?",
		`k6_generator_heap_bytes or k6_vus`:                                                       "bytes or 1?",
		`team:http_reqs:rate1m`:                                                                   "1/s",
		`histogram_quantile(0.95, testid:http_req_duration_seconds:sum)`:                          "s",
	} {
		assert.Equal(t, want, measure(requireParses(t, expr)), expr)
	}
}

// measure is the unit of what an expression answers.
func measure(e parser.Expr) string {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return measure(e.Expr)
	case *parser.NumberLiteral:
		return fmt.Sprint(e.Val)
	case *parser.VectorSelector:
		return measureOf(e.Name)
	case *parser.MatrixSelector:
		return measure(e.VectorSelector)
	case *parser.AggregateExpr:
		if e.Op == parser.COUNT {
			return "1"
		}
		return measure(e.Expr)
	case *parser.Call:
		return measureCall(e)
	case *parser.BinaryExpr:
		return measureBinary(e.Op, measure(e.LHS), measure(e.RHS))
	}
	return fmt.Sprintf("%T?", e)
}

func measureCall(e *parser.Call) string {
	switch e.Func.Name {
	case "time":
		return "epoch s"
	case "rate", "irate":
		return measure(e.Args[0]) + "/s"
	case "increase", "last_over_time", "max_over_time":
		return measure(e.Args[0])
	case "histogram_quantile":
		return strings.TrimSuffix(measure(e.Args[1]), "/s")
	}
	return e.Func.Name + "?"
}

func measureBinary(op parser.ItemType, left, right string) string {
	number := func(text string) bool { return text != "1" && strings.Trim(text, "0123456789.") == "" }
	switch {
	case op == parser.LAND, op == parser.LUNLESS, op.IsComparisonOperator():
		return left
	case op == parser.MUL && left == "epoch s" && right == "1000":
		return "epoch ms"
	case op == parser.MUL && number(right):
		return left
	case op == parser.SUB && left == "1" && right == "share":
		return "share"
	case op == parser.SUB && left == "epoch s" && right == "epoch s":
		return "s"
	case op == parser.DIV && left == right:
		return "share"
	case left == right && op != parser.MUL:
		return left
	}
	return left + " " + op.String() + " " + right + "?"
}

// measureOf is the unit that a metric's name ends in. k6 does not say that its
// data is in bytes, and a recorded series has its metric between two colons.
func measureOf(name string) string {
	per := ""
	if parts := strings.Split(name, ":"); len(parts) == 3 {
		name = parts[1]
		if strings.HasPrefix(parts[2], "rate") {
			per = "/s"
		}
	}
	name = strings.TrimSuffix(name, "_total")
	switch {
	case strings.HasPrefix(name, "k6_data_"), strings.HasSuffix(name, "_bytes"):
		return "bytes" + per
	case strings.HasSuffix(name, "_timestamp_seconds"):
		return "epoch s"
	case strings.HasSuffix(name, "_per_second"):
		return "1/s"
	case strings.HasSuffix(name, "_seconds"):
		return "s" + per
	case strings.HasSuffix(name, "_ratio"):
		return "share"
	}
	return "1" + per
}
