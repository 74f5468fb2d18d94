package grafana

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// StockDashboard is Grafana's own dashboard for k6 with native histograms, which
// the contest's Grafana has, as its uid and the name that its links carry.
const StockDashboard = "a3b2aaa8-bb66-4008-a1d8-16c49afedbf0/k6-prometheus-native-histograms"

// Var is the value of a dashboard's variable.
type Var struct{ Name, Value string }

// StockVars are the variables of StockDashboard, in the order of the Hub's own
// links: the data source's name, the testid, and the quantile that is drawn
// ("0.99").
func StockVars(dataSource, testid, quantile string) []Var {
	return []Var{{"DS_PROMETHEUS", dataSource}, {"testid", testid}, {"quantile", quantile}}
}

// Links builds links into one Grafana, at the address that people use.
type Links struct{ base string }

// NewLinks takes Grafana's address, also with "/api" at its end.
func NewLinks(address string) (Links, error) {
	base, err := apart(address)
	return Links{base}, err
}

// Dashboard returns the link to a dashboard ("uid" or "uid/slug") with its
// variables in the order given, and the time that it shows: the window as it is,
// so a margin is the caller's. A zero From shows the last week, a zero To is now.
func (l Links) Dashboard(uid string, vars []Var, w contest.Window) string {
	var link strings.Builder
	link.WriteString(l.base + "/d")
	for _, part := range strings.Split(uid, "/") {
		link.WriteString("/" + url.PathEscape(part))
	}
	link.WriteString("?orgId=1")
	for _, v := range vars {
		fmt.Fprintf(&link, "&%s=%s", url.QueryEscape("var-"+v.Name), url.QueryEscape(v.Value))
	}
	return link.String() + "&from=" + moment(w.From, "now-7d") + "&to=" + moment(w.To, "now")
}

func moment(at time.Time, otherwise string) string {
	if at.IsZero() {
		return otherwise
	}
	return strconv.FormatInt(at.UnixMilli(), 10)
}
