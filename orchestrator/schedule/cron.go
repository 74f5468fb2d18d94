package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/robfig/cron/v3"
)

func (c Config) periods(services []Service) ([]*river.PeriodicJob, error) {
	var all []*river.PeriodicJob
	for _, s := range services {
		if s.Cron == "" || c.NoPeriods {
			continue
		}
		job, err := c.period(s)
		if err != nil {
			return nil, err
		}
		all = append(all, job)
	}
	return all, nil
}

func (c Config) period(s Service) (*river.PeriodicJob, error) {
	spec, err := parse(s)
	if err != nil {
		return nil, fmt.Errorf("interval %q of %s: %w", s.Cron, s.Key, err)
	}
	construct := func() (river.JobArgs, *river.InsertOpts) {
		return newRound(s.Key, true), c.roundOptions(s.Key)
	}
	return river.NewPeriodicJob(spec, construct, &river.PeriodicJobOpts{ID: string(s.Key)}), nil
}

func parse(s Service) (zoned, error) {
	if strings.Contains(s.Cron, "TZ=") { // the library panics on a bare "TZ=x"
		return zoned{}, errors.New("the time zone is the service's, not the expression's")
	}
	spec, err := cron.ParseStandard(s.Cron)
	if err != nil {
		return zoned{}, err
	}
	z := zoned{spec, s.Timezone}
	if z.Next(time.Now()).IsZero() {
		return zoned{}, errors.New("it never fires")
	}
	return z, nil
}

// zoned reads a cron expression in a time zone.
type zoned struct {
	cron.Schedule
	zone *time.Location
}

// Next returns the first firing after t.
func (z zoned) Next(t time.Time) time.Time {
	if z.zone == nil {
		return z.Schedule.Next(t)
	}
	return z.Schedule.Next(t.In(z.zone))
}
