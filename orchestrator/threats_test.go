package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestThreatsHaveTheirTests holds the table of threats against the code: each
// row names tests, and all of them exist.
func TestThreatsHaveTheirTests(t *testing.T) {
	t.Parallel()
	_, table, found := strings.Cut(read(t, "CONTRIBUTING.md"), "| threat | defence | tests |\n|---|---|---|\n")
	if !found {
		t.Fatal("CONTRIBUTING.md has no table of threats")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	name := regexp.MustCompile(`(?:Test|Fuzz)[A-Z]\w+`)
	defined := definedTests(t)
	for row := range strings.Lines(table) {
		threat, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " |")
		named := name.FindAllString(row, -1)
		if len(named) == 0 {
			t.Errorf("nothing shows that this is defended: %s", threat)
		}
		for _, one := range named {
			if !defined[one] {
				t.Errorf("%s: there is no %s", threat, one)
			}
		}
	}
}

func definedTests(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w+)\(`)
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range function.FindAllSubmatch(text, -1) {
			all[string(found[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
