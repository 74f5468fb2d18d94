// Package hackload is the k6 extension of HackLoad Orchestrator: the output
// "hackload" and the script module "k6/x/hackload".
//
// It only fits k6's interfaces to the package extension of the main module,
// where all logic is and is tested. The output counts each sample at once and
// sends what our own load generator sends: exact counts for each threshold,
// mergeable latencies, the generator's health, and a mark after the last flush.
// With HACKLOAD_PUBLISH=true a run of the whole test also writes its own verdict
// to the Hub. k6 is AGPL-3.0, and so is this package.
package hackload

import (
	"os"

	"go.k6.io/k6/v2/js/modules"
	"go.k6.io/k6/v2/output"
)

const keyFileVariable = "HACKLOAD_API_KEY_FILE"

// k6 knows extensions by what their packages register when the program starts.
// That is before k6 reads the environment for scripts, so where the Hub's key
// lies is taken out of it here: no script learns it.
func init() {
	keyFile := os.Getenv(keyFileVariable)
	_ = os.Unsetenv(keyFileVariable) // it cannot fail for this name
	output.RegisterExtension("hackload", func(p output.Params) (output.Output, error) {
		return newOutput(p, keyFile)
	})
	modules.Register("k6/x/hackload", &module{shared: map[string][]string{}})
}
