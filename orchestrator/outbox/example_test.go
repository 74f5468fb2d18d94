package outbox_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/outbox"
)

// Two updates are due; the Hub takes one and refuses the other for good.
func Example() {
	unknown := errors.New("Team not found")
	send := func(_ context.Context, updates []contest.Update) ([]error, error) {
		answers := make([]error, len(updates))
		for i, u := range updates {
			if u.TeamSlug == "team-001" {
				answers[i] = unknown
			}
		}
		return answers, nil
	}
	store := newMemory(updates(2)...)
	f := outbox.New(store, send, outbox.Options{
		Permanent: func(err error) bool { return errors.Is(err, unknown) },
	})
	sent, err := f.Flush(context.Background())
	fmt.Println(sent, err)
	fmt.Println(store.row("team-000").State)
	fmt.Println(store.row("team-001").State, "because:", store.row("team-001").Error)
	// Output:
	// 1 <nil>
	// sent
	// parked because: Team not found
}
