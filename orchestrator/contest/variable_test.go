package contest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestCheckVariable(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"API_URL", "USERS", "MODE", "_x", "path", "MY_K6_OPTION", "USERS_FILE", strings.Repeat("A", 128)} {
		require.NoError(t, contest.CheckVariable(name), name)
	}
	for name, want := range map[string]string{
		"":                       "letters, digits and underscores",
		"A=B":                    "letters, digits and underscores",
		"1ST":                    "letters, digits and underscores",
		"A\x00":                  "letters, digits and underscores",
		strings.Repeat("A", 129): "letters, digits and underscores",
		"PATH":                   "would change the load generator itself; choose another name",
		"HOME":                   "would change",
		"TZ":                     "would change",
		"LD_PRELOAD":             "would change",
		"GODEBUG":                "would change",
		"GOMAXPROCS":             "would change",
		"K6_VUS":                 "would change",
		"HACKLOAD_PUBLISH":       "would change",
		"LOADGEN_GOMEMLIMIT":     "would change",
		"SSL_CERT_FILE":          "would change",
		"https_proxy":            "would change",
	} {
		require.ErrorContains(t, contest.CheckVariable(name), want, name)
	}
}
