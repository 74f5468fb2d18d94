package scenarios_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hackload-kz/hackload/scenarios"
)

// An organiser's directory holds one edited script; everything else is ours.
func ExampleOverlay() {
	dir, err := os.MkdirTemp("", "scenarios")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "search.js"), []byte("// edited"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	over := scenarios.Overlay(dir)
	script, err := fs.ReadFile(over, "search.js")
	fmt.Println(string(script), err)
	_, err = fs.Stat(over, "lib/levels.js")
	fmt.Println(err)
	// Output:
	// // edited <nil>
	// <nil>
}
