package outbox

import (
	"math"
	"time"
)

// longestPause is the most that two attempts are ever apart, unless the Hub
// itself asks for more.
const longestPause = 5 * time.Minute

// Backoff returns how long to wait after the attempt-th failure (1 is the
// first): 2^attempt seconds, plus up to half as much again as rnd goes from 0
// to 1, and never more than five minutes.
func Backoff(attempt int, rnd float64) time.Duration {
	seconds := math.Exp2(float64(max(attempt, 1))) * (1 + rnd/2)
	if seconds >= longestPause.Seconds() {
		return longestPause
	}
	return time.Duration(seconds * float64(time.Second))
}
