package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Cron is a cron expression of five fields ("*/30 * * * *") or a descriptor
// ("@hourly", "@every 5m"). It runs in the contest's time zone.
type Cron string

// UnmarshalText reads an expression and refuses one that can never fire.
func (c *Cron) UnmarshalText(text []byte) error {
	expression := strings.TrimSpace(string(text))
	schedule, err := parseCron(expression)
	if err != nil {
		return err
	}
	if schedule.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return fmt.Errorf("cron expression %q never fires", expression)
	}
	*c = Cron(expression)
	return nil
}

// Next returns the first firing after t in the given zone, or the zero time for
// an expression that was never validated and is wrong.
func (c Cron) Next(t time.Time, zone *time.Location) time.Time {
	schedule, err := parseCron(string(c))
	if err != nil {
		return time.Time{}
	}
	return schedule.Next(t.In(zone))
}

// parseCron refuses zone prefixes itself: the library panics on "TZ=x".
func parseCron(expression string) (cron.Schedule, error) {
	if strings.Contains(expression, "TZ=") {
		return nil, fmt.Errorf("cron expression %q: the time zone is the contest's timezone, not the expression's", expression)
	}
	schedule, err := cron.ParseStandard(expression)
	if err != nil {
		return nil, fmt.Errorf("%q is not a cron expression of five fields like */30 * * * *: %w", expression, err)
	}
	return schedule, nil
}
