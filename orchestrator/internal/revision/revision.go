// Package revision tells which source a program was built from.
//
// Nothing goes in: the Go toolchain writes it into each program. Out comes a
// short text for people, user agents and reports. It does not fail; a program
// that was built outside of a repository says the version of its module.
package revision

import "runtime/debug"

// Short returns the first seven digits of the commit that this program was
// built from. Where that is not known it is the version of the module, and
// "unknown" without even that.
func Short() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 7 {
			return s.Value[:7]
		}
	}
	return info.Main.Version
}
