package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/k6"
	"github.com/hackload-kz/hackload/orchestrator/spotcheck"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/scenarios"
)

// openChecks looks for services that serve the test instead of users.
func (w *works) openChecks() *spotcheck.Checker {
	users, err := w.checkUsers()
	if err != nil {
		w.log.Warn("suspicions that need a user's password are not looked for", "error", err)
	}
	w.checks = spotcheck.New(spotcheck.Config{
		Guard: w.guard(), Agent: w.agent(), Users: users, Log: w.log,
		Keep: func(ctx context.Context, found []contest.Suspicion) error {
			return w.store.Write(ctx, func(tx *store.Tx) error {
				for _, s := range found {
					if err := tx.Suspect(ctx, s); err != nil {
						return err
					}
				}
				return nil
			})
		},
	})
	return w.checks
}

// agent is what the load generator calls itself to teams.
func (w *works) agent() string {
	if w.config.Load.Launcher != "loadgen" {
		return k6.Agent
	}
	return loadgen.Agent(version())
}

const (
	usersRead   = 5000 // of a users file; the load takes its users from the front
	usersNeeded = 2
)

// checkUsers takes the last active ones of the first users that services know.
func (w *works) checkUsers() ([]spotcheck.User, error) {
	all, err := w.contestUsers()
	if err != nil {
		return nil, err
	}
	var some []spotcheck.User
	for i := len(all) - 1; i >= 0 && len(some) < usersNeeded; i-- {
		if all[i].Active {
			some = append(some, spotcheck.User{Email: all[i].Email, Password: all[i].Password})
		}
	}
	return some, nil
}

// contestUsers reads the first users file that a level names, or the sample's.
func (w *works) contestUsers() ([]scenarios.User, error) {
	for _, c := range []contest.Criterion{contest.TicketBooking, contest.AuthPerformance, contest.TicketCancellation} {
		for _, l := range w.config.Contest.Criteria[c].Levels {
			if l.UsersFile != "" {
				return w.readUsers(l.UsersFile)
			}
		}
	}
	return scenarios.SampleUsers()
}

func (w *works) readUsers(name string) ([]scenarios.User, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(w.config.Scenarios.Dir, path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open users file: %w", err)
	}
	defer file.Close()
	users, err := scenarios.ReadUsers(file, usersRead)
	if err != nil {
		return nil, fmt.Errorf("read users file %s: %w", name, err)
	}
	return users, nil
}

// suspicions are what organisers alone see.
type suspicions struct{ *store.Store }
