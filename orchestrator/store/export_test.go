package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// ReadPools returns the pools that must not be able to write.
func ReadPools(s *Store) map[string]*sql.DB { return map[string]*sql.DB{"read": s.read.DB} }

// MigrateTo makes a SQLite database of an earlier version and runs statements in it.
func MigrateTo(ctx context.Context, path string, version int64, statements ...string) error {
	db, err := sql.Open("sqlite", dsn(path, ""))
	if err != nil {
		return err
	}
	defer db.Close()
	p, err := provider(db, inSQLite)
	if err != nil {
		return err
	}
	if _, err := p.UpTo(ctx, version); err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// Queries are the statements whose tables grow during a contest.
func Queries() map[string]string {
	ofRound, _ := runsIn("round", []contest.RunState{contest.RunEnded, contest.RunJudged})
	ofAll, _ := runsIn("", []contest.RunState{contest.RunPlanned, contest.RunLeased})
	newest, _ := RunFilter{}.query()
	ofTeam, _ := RunFilter{Team: "good", Criterion: contest.EventSearch}.query()
	frozen, _ := RunFilter{JudgedBy: time.Now()}.query()
	return map[string]string{
		"due": `SELECT doc FROM outbox ` + dueRows, "lease": nextRuns, "verdicts": newestVerdicts, "verdicts at": newestVerdictsAt, "runs at": frozen, "verdicts before": verdictsBefore,
		"runs in round": ofRound, "runs in states": ofAll, "newest runs": newest, "runs of team": ofTeam, "carried": carriedBefore,
	}
}

// Explain returns SQLite's plan of a query, a line per step.
func Explain(ctx context.Context, s *Store, query string) ([]string, error) {
	args := make([]any, countMarks(query))
	for i := range args {
		args[i] = "1"
	}
	rows, err := s.read.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			return nil, err
		}
		plan = append(plan, detail)
	}
	return plan, rows.Err()
}

func countMarks(query string) (n int) {
	for _, c := range query {
		if c == '?' {
			n++
		}
	}
	return n
}

// LongestSilence is how long a server with a statement_timeout may be silent.
var LongestSilence = longestSilence
