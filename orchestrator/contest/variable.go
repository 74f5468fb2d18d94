package contest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Variables by which a generator learns where its series go. They are k6's own.
const (
	WriteURLVariable     = "K6_PROMETHEUS_RW_SERVER_URL"
	WriteTokenVariable   = "K6_PROMETHEUS_RW_BEARER_TOKEN"
	PushIntervalVariable = "K6_PROMETHEUS_RW_PUSH_INTERVAL"
)

// AbortVariable says by "true", to a generator of ours, that it ends as soon as a
// threshold cannot be met any more. To others it says nothing.
const AbortVariable = "HACKLOAD_ABORT_WHEN_LOST"

const maxVariable = 128 // bytes

var variablePattern = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// CheckVariable refuses the name of a variable that cannot be handed to a
// script. Scripts get theirs through the environment of the load generator's
// process, because its arguments can be read by every user of the machine; so a
// name that the process itself obeys is refused too.
func CheckVariable(name string) error {
	switch {
	case len(name) > maxVariable || !variablePattern.MatchString(name):
		return fmt.Errorf("variable %.200q cannot be handed to a script: its name must be of letters, digits and underscores", name)
	case obeyed(name):
		return fmt.Errorf("variable %s cannot be handed to a script: it would change the load generator itself; choose another name", name)
	}
	return nil
}

// CheckVariables refuses variables that cannot be handed to a script, by their
// names or values.
func CheckVariables(env map[string]string) error {
	for k, v := range env {
		if err := CheckVariable(k); err != nil {
			return err
		}
		if strings.ContainsRune(v, 0) {
			return fmt.Errorf("variable %s cannot be handed to a script: its value holds a zero byte", k)
		}
	}
	return nil
}

// obeyed reports whether a program, Go's runtime, k6 or the generator reads the
// variable for itself.
func obeyed(name string) bool {
	for _, prefix := range []string{"GO", "HACKLOAD_", "K6_", "LC_", "LD_", "LOADGEN_", "SSL_CERT_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{
		"HOME", "LANG", "PATH", "PWD", "TMPDIR", "TZ", "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "REQUEST_METHOD",
		"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "all_proxy", "http_proxy", "https_proxy", "no_proxy",
	}, name)
}
