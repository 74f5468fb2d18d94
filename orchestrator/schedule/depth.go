package schedule

import (
	"context"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Depth is how many jobs of one kind are in one state.
type Depth struct {
	Kind, State string
	Jobs        int           // at most 1000 of a state are counted
	Oldest      time.Duration // how long the first of them has been due; 0 when none is
}

// Depths counts the jobs that are not done, and the dead letters, by kind and
// state; also those of which there are none.
func (q *Queue) Depths(ctx context.Context) ([]Depth, error) {
	var all []Depth
	for _, state := range []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStateScheduled, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateDiscarded,
	} {
		found, err := q.insert.JobList(ctx, river.NewJobListParams().States(state).First(mostLetters))
		if err != nil {
			return nil, fmt.Errorf("count jobs: %w", err)
		}
		for _, kind := range []string{roundArgs{}.Kind(), advanceArgs{}.Kind(), collectArgs{}.Kind(), lookArgs{}.Kind()} {
			d := Depth{Kind: kind, State: string(state)}
			for _, job := range found.Jobs {
				if job.Kind == kind {
					d.Jobs++
					d.Oldest = max(d.Oldest, time.Since(job.ScheduledAt))
				}
			}
			all = append(all, d)
		}
	}
	return all, nil
}
