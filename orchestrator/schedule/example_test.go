package schedule_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/schedule"
)

// A step is woken in the transaction that makes it due, and asks to be called
// again for as long as it has to wait for something.
func Example() {
	dir, _ := os.MkdirTemp("", "schedule")
	defer os.RemoveAll(dir)
	db, _ := sql.Open("sqlite", "file:"+filepath.Join(dir, "state.db")+"?_pragma=journal_mode(WAL)&_txlock=immediate")
	defer db.Close()
	db.SetMaxOpenConns(1)

	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	queue, err := schedule.New(ctx, db, schedule.Config{Poll: 10 * time.Millisecond})
	if err != nil {
		fmt.Println(err)
		return
	}
	tx, _ := db.BeginTx(ctx, nil)
	_ = queue.WakeRun(ctx, tx, "run-1") // beside the statements that made it due
	_ = tx.Commit()

	states := []string{"prepared", "launched", "ended"}
	err = queue.Run(ctx, schedule.Steps{
		Advance: func(_ context.Context, run contest.RunID) (time.Duration, error) {
			fmt.Println(run, states[0])
			states = states[1:]
			if len(states) == 0 {
				stop()
				return 0, nil
			}
			return 10 * time.Millisecond, nil
		},
	})
	fmt.Println(err)
	// Output:
	// run-1 prepared
	// run-1 launched
	// run-1 ended
	// <nil>
}
