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
	return ending(code, after, sentence(log)), ofScript(code)
}

// ending is Ending with the last words as a sentence already. One that was
// interrupted ended in order: what it said last is its summary.
func ending(code int, after time.Duration, words string) string {
	said := codeMeans(code) + " " + took(after)
	if words != "" && code != 105 {
		said += ": " + words
	}
	return said
}

// took says how long something lasted, to the second.
func took(d time.Duration) string {
	return fmt.Sprintf("after %.0f s", d.Round(time.Second).Seconds())
}
