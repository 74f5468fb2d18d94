package dashboards

import (
	"encoding/json"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// The uids of the dashboards, as links name them.
const (
	RunUID          = "hackload-run"
	TeamUID         = "hackload-team"
	ContestUID      = "hackload-contest"
	OrchestratorUID = "hackload-orchestrator"
)

// Board is one dashboard, ready for Grafana.
type Board struct {
	UID  string
	Name string // of its file in manifests/grafana, without .json
	JSON []byte
}

// All returns the four dashboards.
func All() ([]Board, error) {
	var all []Board
	for _, s := range []sheet{runSheet(), teamSheet(), contestSheet(), orchestratorSheet()} {
		text, err := s.write()
		if err != nil {
			return nil, fmt.Errorf("write dashboard %s: %w", s.uid, err)
		}
		all = append(all, Board{s.uid, s.name, text})
	}
	return all, nil
}

// sheet is a dashboard before it is written.
type sheet struct {
	uid, name, title, about string
	from                    string // what it shows when no link says
	refresh                 string
	marks                   []string // tags of the annotations that are shown: the runs that the orchestrator marks
	variables               []cog.Builder[dashboard.VariableModel]
	rows                    []row
}

// row is a heading and the panels below it, from left to right, 24 columns wide.
type row struct {
	title  string
	panels []panel
}

func (s sheet) write() ([]byte, error) {
	//lint:ignore SA1019 Grafana 12 provisions no dashboardv2, see the package comment
	b := dashboard.NewDashboardBuilder(s.title).
		Uid(s.uid).Description(s.about).Tags([]string{"hackload"}).Readonly().
		Tooltip(dashboard.DashboardCursorSyncCrosshair).Time(s.from, "now").Refresh(s.refresh).
		Link(dashboard.NewDashboardLinkBuilder("HackLoad").Type(dashboard.DashboardLinkTypeDashboards).
			Tags([]string{"hackload"}).AsDropdown(true).KeepTime(true)).
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus").
			Description("The Prometheus that load generators write to and that scrapes the orchestrator."))
	for _, v := range s.variables {
		b.WithVariable(v)
	}
	if s.marks != nil {
		b.Annotation(marksOf(s.marks))
	}
	id := uint32(0)
	for _, r := range s.rows {
		id++
		b.WithRow(dashboard.NewRowBuilder(r.title).Id(id))
		for _, p := range r.panels {
			id++
			p.id = id
			b.WithPanel(p)
		}
	}
	built, err := b.Build()
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(built, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

// marksOf shows Grafana's own annotations that have all of the tags.
func marksOf(tags []string) *dashboard.AnnotationQueryBuilder {
	return dashboard.NewAnnotationQueryBuilder().Name("Runs").Enable(true).IconColor("blue").Type("tags").
		Datasource(common.DataSourceRef{Type: cog.ToPtr("grafana"), Uid: cog.ToPtr("-- Grafana --")}).
		Target(tagged(tags))
}

// tagged asks for annotations by all of these tags; the SDK has no type for it.
type tagged []string

// Build makes the query; Grafana's SDK asks for it under this name.
func (tags tagged) Build() (variants.Dataquery, error) {
	return variants.UnknownDataquery{"refId": "Runs", "type": "tags", "tags": []string(tags), "matchAny": false, "limit": 100}, nil
}

// source is the data source that the dashboard's variable names.
func source() common.DataSourceRef {
	return common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}
}

// choice is a variable whose values are a label's, of the series that select names.
func choice(label, series, about string) *dashboard.QueryVariableBuilder {
	query := fmt.Sprintf("label_values(%s, %s)", series, label)
	return dashboard.NewQueryVariableBuilder(label).Label(label).Description(about).Datasource(source()).
		Query(dashboard.StringOrMap{String: &query}).Definition(query).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).Sort(dashboard.VariableSortNaturalAsc)
}

// quantileChoice is the quantile of latencies that is shown, first the one that
// rules are about.
func quantileChoice() cog.Builder[dashboard.VariableModel] {
	values := "0.95,0.5,0.9,0.99,1"
	first := cog.ToPtr("0.95")
	return dashboard.NewCustomVariableBuilder("quantile").Label("quantile").Description("Of the latencies that are shown.").
		Values(dashboard.StringOrMap{String: &values}).
		Current(dashboard.VariableOption{Selected: cog.ToPtr(true), Text: dashboard.StringOrArrayOfString{String: first}, Value: dashboard.StringOrArrayOfString{String: first}})
}
