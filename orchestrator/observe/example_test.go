package observe_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/observe"
)

// A step says what it works on, and when it begins and ends.
func Example() {
	ctx := observe.About(context.Background(), observe.Run(contest.Run{ID: "run-1", Round: "round-1", Team: contest.Team{Slug: "good"}}))
	ctx, done := observe.Start(ctx, "prepare")
	done(errors.New("no answer")) // not traced here, so nobody hears of it
	fmt.Println(observe.SubjectOf(ctx).LogAttrs())
	// Output: [round=round-1 run=run-1 team=good]
}
