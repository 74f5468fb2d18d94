package loadgen_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen"
)

// TestConformanceOfInspect compares what an operator of generators asks before it
// starts them: how long a test takes and how many users it has at most.
func TestConformanceOfInspect(t *testing.T) {
	t.Parallel()
	const golden = "testdata/conformance/inspect/inspect.json"
	text, err := os.ReadFile(golden)
	require.NoError(t, err)
	var cases []conformanceCase
	require.NoError(t, json.Unmarshal(text, &cases))
	script, err := filepath.Abs("testdata/conformance/inspect/inspect.js")
	require.NoError(t, err)
	for i := range cases {
		t.Run(cases[i].Name, func(t *testing.T) {
			c := &cases[i]
			c.compare(t, script, inspected(t, append(append([]string{"inspect", "--execution-requirements"}, c.Args...), script)))
		})
	}
	if *record == "" {
		return
	}
	text, err = json.MarshalIndent(cases, "", " ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(golden, append(text, '\n'), 0o644))
}

func inspected(t *testing.T, args []string) map[string]any {
	t.Helper()
	var out, log bytes.Buffer
	facts := map[string]any{}
	if *record == "" {
		facts["exit code"] = float64(loadgen.Command(t.Context(), args, loadgen.IO{Stdout: &out, Stderr: &log, Version: "1.2.3"}))
	} else {
		cmd := exec.CommandContext(t.Context(), *record, args...)
		cmd.Stdout = &out
		if err := cmd.Run(); cmd.ProcessState == nil {
			t.Fatal(err)
		}
		facts["exit code"] = float64(cmd.ProcessState.ExitCode())
	}
	if facts["exit code"] != 0.0 {
		return facts
	}
	var said map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &said), out.String())
	facts["totalDuration"], facts["maxVUs"] = said["totalDuration"], said["maxVUs"]
	return facts
}
