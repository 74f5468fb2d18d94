package launch

import (
	"fmt"
	"time"
)

// Ending says how a generator came to its end that k6's exit code stands for,
// after so long and with these last words of its log: "met an exception in the
// script after 3 s: …". It is empty for an end that is a result: all well, lost
// thresholds, an abort by the script. ofItsScript means that the script is at
// fault, so that another generator would end the same.
func Ending(code int, after time.Duration, log string) (said string, ofItsScript bool) {
	switch code {
	case 0, 99, 108, 110:
		return "", false
	}
	said = fmt.Sprintf("%s after %.0f s", codeMeans(code), after.Round(time.Second).Seconds())
	if words := sentence(log); words != "" && code != 105 {
		said += ": " + words
	}
	return said, ofScript(code)
}
