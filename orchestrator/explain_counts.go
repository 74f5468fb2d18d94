package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// counts says whether a run is among those that its team's standing verdict
// rests on; empty for a run that belongs to no criterion.
func counts(ctx context.Context, s *store.Store, run contest.Run) (string, error) {
	verdicts, err := s.Verdicts(ctx)
	if err != nil {
		return "", err
	}
	for _, v := range verdicts {
		if v.Team.Slug != run.Team.Slug || v.Criterion != run.Criterion {
			continue
		}
		standing := fmt.Sprintf("%s, %d points", v.Status, v.Score)
		if slices.Contains(v.Runs, run.ID) {
			return "in the standing verdict (" + standing + ")", nil
		}
		return "not: the standing verdict (" + standing + ") rests on other runs", nil
	}
	return "", nil
}
