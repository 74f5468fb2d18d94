package launch

import (
	"strconv"
	"strings"
)

// K6Error returns the message of a line of k6's log, time="…" level=error msg="…",
// and whether the line is one of an error.
func K6Error(line string) (message string, ok bool) {
	_, rest, ok := strings.Cut(" "+line, " level=error msg=")
	if !ok {
		return "", false
	}
	if quoted, err := strconv.QuotedPrefix(rest); err == nil {
		if message, err = strconv.Unquote(quoted); err == nil {
			return message, true
		}
	}
	message, _, _ = strings.Cut(rest, " ")
	return message, true
}
