package dashboards

import (
	"maps"
	"slices"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// shape is how a panel shows its answers.
type shape int

const (
	graph  shape = iota // lines over time
	number              // one number for each series, as of the end of the time shown
	grid                // a table with a column for each query
	heat                // a native histogram over time
)

// panel is one picture of a dashboard.
type panel struct {
	id            uint32
	shape         shape
	title, about  string
	unit          string
	width, height uint32
	// step is the least distance of two points: how often the series are written,
	// so that a rate is taken over four of them and no less.
	step    string
	queries []query
	links   map[string]string // of a table: column to the address that its cells lead to
	// steps colour a number, from the least on.
	steps []dashboard.Threshold
}

// query is one PromQL of a panel.
type query struct {
	expr   string
	legend string // of a graph, with {{label}}; of a table, the column's name
	unit   string // of a table's column
}

// How often series are written: by load generators, by a scrape.
const (
	pushed  = "5s"
	scraped = "30s"
)

// Build makes the panel; Grafana's SDK asks for it under this name.
func (p panel) Build() (dashboard.Panel, error) {
	made, err := p.bare()
	if err != nil {
		return made, err
	}
	made.Id, made.Title, made.Description = &p.id, &p.title, &p.about
	made.Datasource, made.Interval = cog.ToPtr(source()), &p.step
	made.GridPos = &dashboard.GridPos{W: p.width, H: p.height}
	if made.FieldConfig == nil {
		made.FieldConfig = dashboard.NewFieldConfigSource()
	}
	made.FieldConfig.Defaults.Unit = &p.unit
	for i, q := range p.queries {
		target, err := p.target(q, string(rune('A'+i))).Build()
		if err != nil {
			return made, err
		}
		made.Targets = append(made.Targets, target)
	}
	if p.shape == grid {
		p.columns(&made)
	}
	return made, nil
}

// bare is the panel with what its shape alone needs.
func (p panel) bare() (dashboard.Panel, error) {
	switch p.shape {
	case number:
		steps := p.steps
		if steps == nil {
			steps = []dashboard.Threshold{{Color: "text"}} // Grafana would make 80 red
		}
		return stat.NewPanelBuilder().GraphMode(common.BigValueGraphModeNone).Orientation(common.VizOrientationAuto).
			ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
			Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(steps)).Build()
	case grid:
		return table.NewPanelBuilder().Footer(common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{"sum"})).Build()
	case heat:
		return heatmap.NewPanelBuilder().Color(heatmap.NewHeatmapColorOptionsBuilder().Mode(heatmap.HeatmapColorModeScheme).
			Scale(heatmap.HeatmapColorScaleExponential).Scheme("Oranges").Steps(64).Exponent(0.5)).
			Tooltip(heatmap.NewHeatmapTooltipBuilder().Mode(common.TooltipDisplayModeSingle)).YAxis(heatmap.NewYAxisConfigBuilder().Unit(p.unit)).Build()
	default:
		return timeseries.NewPanelBuilder().FillOpacity(8).ShowPoints(common.VisibilityModeNever).Min(0).
			Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeTable).
				Placement(common.LegendPlacementBottom).ShowLegend(true).Calcs([]string{"mean", "max"})).
			Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending)).Build()
	}
}

func (p panel) target(q query, ref string) *prometheus.DataqueryBuilder {
	b := prometheus.NewDataqueryBuilder().RefId(ref).Datasource(source()).Expr(q.expr).EditorMode(prometheus.QueryEditorModeCode)
	switch p.shape {
	case grid:
		return b.Instant().Format(prometheus.PromQueryFormatTable)
	case heat:
		return b.Range().Format(prometheus.PromQueryFormatHeatmap)
	case number:
		return b.Instant().LegendFormat(q.legend)
	default:
		return b.Range().LegendFormat(q.legend)
	}
}

// columns joins the answers of a table by their labels, and names, measures and
// links what comes of it.
func (p panel) columns(made *dashboard.Panel) {
	names := map[string]string{}
	for i, q := range p.queries {
		column := "Value"
		if len(p.queries) > 1 {
			column += " #" + string(rune('A'+i))
		}
		names[column] = q.legend
		made.FieldConfig.Overrides = append(made.FieldConfig.Overrides, override(q.legend, "unit", q.unit))
	}
	for _, column := range slices.Sorted(maps.Keys(p.links)) {
		link := map[string]any{"title": "Open", "url": p.links[column]}
		made.FieldConfig.Overrides = append(made.FieldConfig.Overrides, override(column, "links", []any{link}))
	}
	made.Transformations = []dashboard.DataTransformerConfig{
		{Id: "merge", Options: map[string]any{}},
		{Id: "organize", Options: map[string]any{"excludeByName": map[string]bool{"Time": true}, "indexByName": map[string]int{}, "renameByName": names}},
	}
}

func override(column, property string, value any) dashboard.DashboardFieldConfigSourceOverrides {
	return dashboard.DashboardFieldConfigSourceOverrides{
		Matcher:    dashboard.MatcherConfig{Id: "byName", Options: column},
		Properties: []dashboard.DynamicConfigValue{{Id: property, Value: value}},
	}
}

// good, then bad from a value on.
func badFrom(value float64) []dashboard.Threshold {
	return []dashboard.Threshold{{Color: "green"}, {Value: &value, Color: "red"}}
}
