package contest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that is written in files and environment
// variables as "5m" or as a bare integer of milliseconds.
type Duration time.Duration

// D returns d as the standard library's type.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String formats d like time.Duration.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes d as Go writes durations ("1m30s").
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "1m30s" or an integer number of milliseconds. A negative
// duration is an error.
func (d *Duration) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	parsed, err := time.ParseDuration(s)
	if ms, intErr := strconv.ParseInt(s, 10, 64); intErr == nil {
		const most = int64(1<<63-1) / int64(time.Millisecond)
		if ms > most {
			return fmt.Errorf("duration %q is too long", s)
		}
		parsed, err = time.Duration(max(ms, -1))*time.Millisecond, nil
	}
	if err != nil || parsed < 0 {
		return fmt.Errorf("%q is not a duration: write it like 5m or 30s, or as a number of milliseconds", s)
	}
	*d = Duration(parsed)
	return nil
}
