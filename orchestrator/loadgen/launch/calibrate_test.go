package launch

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadCalibration(t *testing.T) {
	t.Parallel()
	good := map[string]any{"metrics": map[string]any{
		"http_reqs":         map[string]any{"count": 30000, "rate": 15000.5},
		"http_req_duration": map[string]any{"min": 0.04, "p(95)": 1.9},
		"http_req_failed":   map[string]any{"value": 0.0},
	}}
	tests := []struct {
		name   string
		change func(m map[string]any)
		err    string
	}{
		{"reached", func(map[string]any) {}, ""},
		{"nothing was asked", func(m map[string]any) { delete(m, "http_reqs") }, "not reached"},
		{"answers failed", func(m map[string]any) { m["http_req_failed"] = map[string]any{"value": 0.5} }, "not reached"},
		{"another form", func(m map[string]any) { m["http_reqs"] = "many" }, "read summary"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, err := json.Marshal(good)
			require.NoError(t, err)
			var summary map[string]map[string]any
			require.NoError(t, json.Unmarshal(text, &summary))
			tt.change(summary["metrics"])
			text, err = json.Marshal(summary)
			require.NoError(t, err)
			path := filepath.Join(t.TempDir(), "summary.json")
			require.NoError(t, os.WriteFile(path, text, 0o600))
			c, err := readCalibration(path)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.InDelta(t, 15000.5, c.RPS, 0)
			require.InDelta(t, 1.9, c.P95, 0)
			require.InDelta(t, 0.04, c.Floor, 0)
			require.Positive(t, c.CPUs)
			require.False(t, c.At.IsZero())
		})
	}
}
