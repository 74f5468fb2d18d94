package main

import (
	"bufio"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// requirement is a row of testdata/seed.tsv.
type requirement struct {
	line   int    // of the seed document
	asks   string // what it asks
	folder string // of the test that shows it
	test   string
}

func requirements(t *testing.T) []requirement {
	t.Helper()
	text, err := os.ReadFile("testdata/seed.tsv")
	require.NoError(t, err)
	var all []requirement
	for row := range strings.Lines(string(text)) {
		row = strings.TrimRight(row, "\n")
		if strings.HasPrefix(row, "#") {
			continue
		}
		cells := strings.Split(row, "\t")
		require.Len(t, cells, 3, "not three cells: %q", row)
		line, err := strconv.Atoi(cells[0])
		require.NoError(t, err, row)
		folder, test, found := strings.Cut(cells[2], " ")
		require.True(t, found, "no test is named: %q", row)
		all = append(all, requirement{line, cells[1], folder, test})
	}
	return all
}

// TestSeedIsCovered fails for a requirement of the seed document whose test
// does not exist, and for a variable of its tables that has no row.
func TestSeedIsCovered(t *testing.T) {
	t.Parallel()
	rows := requirements(t)
	require.Greater(t, len(rows), 100)
	named := map[string]bool{}
	known := map[string]map[string]bool{}
	for _, r := range rows {
		assert.NotEmpty(t, r.asks, "line %d asks nothing", r.line)
		named[r.asks] = true
		if known[r.folder] == nil {
			known[r.folder] = testsOf(t, r.folder)
		}
		assert.True(t, known[r.folder][r.test], "line %d, %q: there is no %s in %s", r.line, r.asks, r.test, r.folder)
	}
	for _, name := range seedVariables(t) {
		assert.True(t, named[name], "variable %s of the seed document has no row", name)
	}
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+|Fuzz\w+)\(`)

// testsOf lists the tests of a folder, those behind build tags too.
func testsOf(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(folder), "*_test.go"))
	require.NoError(t, err)
	all := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range testFunction.FindAllSubmatch(text, -1) {
			all[string(m[1])] = true
		}
	}
	return all
}

// seedVariables lists the variables of the seed document: of its tables, its
// ConfigMap and Secret, and its sample code.
func seedVariables(t *testing.T) []string {
	t.Helper()
	f, err := os.Open("config/testdata/seed-variables.txt")
	require.NoError(t, err)
	defer f.Close()
	var names []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, _, _ := strings.Cut(lines.Text(), " ")
		names = append(names, name)
	}
	require.NotEmpty(t, names)
	return names
}
