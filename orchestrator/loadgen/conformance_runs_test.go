package loadgen_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// conformanceCase is one way to run a script of testdata/conformance/runs. Want
// is recorded, the rest is written by hand.
type conformanceCase struct {
	Name string   `json:"name"`
	Args []string `json:"args,omitempty"`
	Env  []string `json:"env,omitempty"`
	// Paced says that the machine must keep up with a clock. Such a case has two
	// more tries when it did not.
	Paced bool `json:"paced,omitempty"`
	// Server says that the server's connections and requests at once count.
	Server bool `json:"server,omitempty"`
	// Series names metrics whose samples are compared for each set of tags.
	Series []string `json:"series,omitempty"`
	// Export says that all of the file of --summary-export is compared.
	Export bool `json:"export,omitempty"`
	// Ranges holds, for facts that k6 leaves to chance, the least and the most.
	Ranges map[string][2]float64 `json:"ranges,omitempty"`
	// Ignore holds facts that say nothing in this case, with the reason.
	Ignore map[string]string `json:"ignore,omitempty"`
	// Differs holds what we give where it is not what k6 gives, with the reason.
	Differs map[string]difference `json:"differs,omitempty"`
	Want    map[string]any        `json:"want"`
}

type difference struct {
	Here any    `json:"here"` // absent: the fact is absent
	Why  string `json:"why"`
}

// TestConformanceOfRuns runs scripts about options and executors, and compares
// what came of each run as a whole: exit code, samples, checks, thresholds, what
// the server got and what was printed. They mostly wait, so several run at once;
// the other tests of the package wait until they are over.
func TestConformanceOfRuns(t *testing.T) {
	files, err := filepath.Glob("testdata/conformance/runs/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all := map[string][]conformanceCase{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var cases []conformanceCase
		require.NoError(t, json.Unmarshal(text, &cases), file)
		all[file] = cases
	}
	seen := runCases(t, all)
	for _, file := range files {
		for i, c := range all[file] {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".json")+"/"+c.Name, func(t *testing.T) {
				all[file][i].compare(t, scriptOf(file), seen[file][i])
			})
		}
		if *record != "" {
			text := new(bytes.Buffer)
			enc := json.NewEncoder(text)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", " ")
			require.NoError(t, enc.Encode(all[file]))
			require.NoError(t, os.WriteFile(file, text.Bytes(), 0o644))
		}
	}
}

func scriptOf(file string) string { return strings.TrimSuffix(file, ".json") + ".js" }

// runCases runs every case, several at a time, and returns what each gave.
func runCases(t *testing.T, all map[string][]conformanceCase) map[string][]map[string]any {
	t.Helper()
	const atOnce = 8
	var group errgroup.Group
	group.SetLimit(atOnce)
	seen := map[string][]map[string]any{}
	for _, file := range slices.Sorted(maps.Keys(all)) {
		results := make([]map[string]any, len(all[file]))
		seen[file] = results
		for i, c := range all[file] {
			group.Go(func() (err error) {
				results[i], err = runCase(t, scriptOf(file), c)
				return err
			})
		}
	}
	require.NoError(t, group.Wait())
	return seen
}

// compare holds what was seen against what k6 gave, or writes it down as such.
func (c *conformanceCase) compare(t *testing.T, script string, seen map[string]any) {
	t.Helper()
	for fact, d := range c.Differs {
		assert.NotEmpty(t, d.Why, "%s differs for no reason", fact)
	}
	exact, wrong := c.exact(seen)
	if *record != "" {
		require.Empty(t, wrong)
		c.Want = exact
		return
	}
	want := c.expected()
	const tries = 3
	for n := 1; c.Paced && n < tries && (wrong != "" || lines(want) != lines(exact)); n++ {
		again, err := runCase(t, script, *c)
		require.NoError(t, err)
		exact, wrong = c.exact(again)
	}
	assert.Empty(t, wrong)
	assert.Equal(t, lines(want), lines(exact))
}

// exact returns the facts that have to be the same each time, and says which of
// the others are out of range.
func (c *conformanceCase) exact(seen map[string]any) (exact map[string]any, wrong string) {
	exact = maps.Clone(seen)
	for fact, bounds := range c.Ranges {
		if n, ok := seen[fact].(float64); !ok || n < bounds[0] || n > bounds[1] {
			wrong += fmt.Sprintf("%s is %v, want %v\n", fact, seen[fact], bounds)
		}
		delete(exact, fact)
	}
	for fact := range c.Ignore {
		delete(exact, fact)
	}
	return exact, wrong
}

// expected is what k6 gave, but for what differs.
func (c *conformanceCase) expected() map[string]any {
	want := maps.Clone(c.Want)
	for fact, d := range c.Differs {
		if want[fact] = d.Here; d.Here == nil {
			delete(want, fact)
		}
	}
	return want
}

// lines writes facts in a form whose differences are easy to read.
func lines(facts map[string]any) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(facts)) {
		if list, ok := facts[k].([]any); ok {
			for _, v := range list {
				fmt.Fprintf(&b, "%s: %v\n", k, v)
			}
			continue
		}
		fmt.Fprintf(&b, "%s: %v\n", k, facts[k])
	}
	return b.String()
}
