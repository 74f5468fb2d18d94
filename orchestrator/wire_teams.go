package main

import (
	"context"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/roster"
)

// teamsTimeout is for one reading of all sources of teams. A round begins in a
// step of 20 s: a source that hangs must leave time to use the next one.
const teamsTimeout = 15 * time.Second

// sources are where teams are read, in the order in which they count.
type sources struct {
	all      []roster.Source
	database *roster.Database // nil: none is configured
}

// openSources lists the Hub's API (which hub asks), its database and a file, as
// far as they are configured. It calls nobody.
func openSources(c *config.Config, hub roster.TeamsFunc) (sources, error) {
	s := sources{all: []roster.Source{roster.NewSource("the Hub", hub)}}
	if d := c.HubDatabase; d.URL.Set() {
		database, err := roster.OpenDatabase(roster.DatabaseConfig{
			URL: roster.DatabaseURL(d.URL.Reveal()), PoolSize: d.PoolSize, Timeout: d.Timeout.D(),
			Keys: environmentKeys(c.Contest), Override: d.EndpointVariable,
		})
		if err != nil {
			return s, usage(err, "Correct DATABASE_URL, or leave it out.")
		}
		s.database = database
		s.all = append(s.all, database)
	}
	if c.Teams.File != "" {
		s.all = append(s.all, roster.NewFile(c.Teams.File))
	}
	return s, nil
}

// Close gives the database's connections back.
func (s sources) Close() error {
	if s.database == nil {
		return nil
	}
	return s.database.Close()
}

// teams reads the contest's teams from the first source that answers. What is
// odd about the sources is told once.
func (s sources) teams(c *config.Config, tell func(finding string)) func(context.Context) ([]contest.Team, error) {
	r := roster.Combine(s.all...)
	r.Timeout, r.Tell = teamsTimeout, tell
	return func(ctx context.Context) ([]contest.Team, error) {
		return r.Teams(ctx, c.Contest.Hub.Hackathon)
	}
}
