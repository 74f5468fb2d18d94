package web

import (
	"context"
	"fmt"
)

// addSuspicions puts what organisers are told of the team beside its verdicts.
func (s *site) addSuspicions(ctx context.Context, page *teamPage) error {
	if s.Operations == nil || s.Operations.Suspicions == nil {
		return nil
	}
	all, err := s.Operations.Suspicions.Suspicions(ctx)
	if err != nil {
		return fmt.Errorf("read suspicions: %w", err)
	}
	for _, one := range all {
		if one.Team != page.Team.Slug {
			continue
		}
		place := &page.Suspicions
		for i := range page.Criteria {
			if page.Criteria[i].Criterion == one.Criterion {
				place = &page.Criteria[i].Suspicions
			}
		}
		*place = append(*place, one)
	}
	return nil
}
