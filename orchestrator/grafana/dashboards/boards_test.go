package dashboards

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write manifests/grafana anew")

// committed is where the dashboards are that a cluster loads.
const committed = "../../../manifests/grafana"

func TestCommittedDashboardsAreCurrent(t *testing.T) {
	t.Parallel()
	all, err := All()
	require.NoError(t, err)
	want := map[string]bool{}
	for _, b := range all {
		path := filepath.Join(committed, b.Name+".json")
		want[path] = true
		if *update {
			require.NoError(t, os.WriteFile(path, b.JSON, 0o644))
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(b.JSON), string(text), "run `make dashboards` and look at the difference")
	}
	files, err := filepath.Glob(filepath.Join(committed, "*.json"))
	require.NoError(t, err)
	for _, path := range files {
		assert.True(t, want[path], "%s is nobody's", path)
	}
}

// Grafana's own description of a dashboard knows every field of ours and misses
// none that it requires.
func TestDashboardsKeepGrafanasSchema(t *testing.T) {
	t.Parallel()
	plugins.RegisterDefaultPlugins()
	all, err := All()
	require.NoError(t, err)
	for _, b := range all {
		//lint:ignore SA1019 Grafana 12 provisions no dashboardv2, see the package comment
		var d dashboard.Dashboard
		err := d.UnmarshalJSONStrict(b.JSON)
		if none, ok := err.(cog.BuildErrors); !ok || len(none) > 0 { // the SDK answers with an empty list where it means nil
			require.NoError(t, err, b.UID)
		}
		require.NoError(t, d.Validate(), b.UID)
	}
}

// jsonBoard is as much of a dashboard as the tests look at.
type jsonBoard struct {
	UID, Title, Description string
	Editable                bool
	Panels                  []jsonPanel
	Templating              struct {
		List []struct {
			Name, Type, Label, Definition string
			Query                         json.RawMessage
			Refresh                       int
			Multi                         bool
			Datasource                    struct{ UID string }
		}
	}
}

type jsonPanel struct {
	ID                       int
	Type, Title, Description string
	Interval                 string
	Datasource               struct{ UID string }
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []struct {
		RefID, Expr string
		Instant     bool
		Datasource  struct{ UID string }
	}
	FieldConfig struct {
		Defaults  struct{ Unit string }
		Overrides []struct {
			Matcher    struct{ Options string }
			Properties []struct {
				ID    string
				Value any
			}
		}
	}
	Transformations []struct {
		ID      string
		Options struct{ RenameByName map[string]string }
	}
}

// unitOf is the unit of what the i-th query answers.
func (p jsonPanel) unitOf(i int) string {
	if p.Type != "table" {
		return p.FieldConfig.Defaults.Unit
	}
	field := "Value"
	if len(p.Targets) > 1 {
		field += " #" + p.Targets[i].RefID
	}
	column := ""
	for _, tr := range p.Transformations {
		column += tr.Options.RenameByName[field]
	}
	for _, o := range p.FieldConfig.Overrides {
		for _, property := range o.Properties {
			if unit, ok := property.Value.(string); ok && o.Matcher.Options == column && property.ID == "unit" {
				return unit
			}
		}
	}
	return ""
}

// eachBoard runs a test for each dashboard as JSON.
func eachBoard(t *testing.T, test func(t *testing.T, b jsonBoard)) {
	t.Helper()
	all, err := All()
	require.NoError(t, err)
	for _, one := range all {
		t.Run(one.Name, func(t *testing.T) {
			t.Parallel()
			var b jsonBoard
			require.NoError(t, json.Unmarshal(one.JSON, &b))
			require.NotEmpty(t, b.Panels)
			test(t, b)
		})
	}
}
