package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/hub"
	"github.com/hackload-kz/hackload/orchestrator/roster"
)

// survey is what a check has found.
type survey struct {
	said     []string // what is as it should be
	warnings []string // what serve works with
	problems []string // what serve does not work with
}

func (s *survey) say(format string, args ...any) {
	s.said = append(s.said, fmt.Sprintf(format, args...))
}

func (s *survey) warn(format string, args ...any) {
	s.warnings = append(s.warnings, fmt.Sprintf(format, args...))
}

func (s *survey) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

// checkTeams asks each configured source of teams, and holds those that
// answered against each other.
func (s *survey) checkTeams(ctx context.Context, c *config.Config) {
	if c.Hub.URL == "" || !c.Hub.APIKey.Set() {
		return // told already
	}
	client, err := hub.New(hubConfig(c))
	if err != nil {
		s.problem("%v", err)
		return
	}
	from, err := openSources(c, s.hubTeams(client))
	if err != nil {
		s.problem("%v", err)
		return
	}
	defer from.Close()
	var answered []roster.Source
	for _, source := range from.all {
		if again, ok := s.askSource(ctx, source, c.Contest.Hub.Hackathon); ok {
			answered = append(answered, again)
		}
	}
	s.compareSources(ctx, answered, c.Contest.Hub.Hackathon)
}

// askSource asks a source of teams and returns what it said, as a source.
func (s *survey) askSource(ctx context.Context, source roster.Source, hackathon string) (roster.Source, bool) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	teams, err := source.Teams(ctx, hackathon)
	if err != nil {
		s.problem("teams cannot be read from %s: %s", source.Name(), strings.ReplaceAll(err.Error(), "\n", "; "))
		return nil, false
	}
	endpoints := 0
	for _, t := range teams {
		if t.Endpoint != "" {
			endpoints++
		}
	}
	s.say("teams: %s lists %d, of which %d have an endpoint", source.Name(), len(teams), endpoints)
	return roster.NewSource(source.Name(), func(context.Context, string) ([]contest.Team, error) { return teams, nil }), true
}

// compareSources says where the sources that answered differ.
func (s *survey) compareSources(ctx context.Context, answered []roster.Source, hackathon string) {
	if len(answered) == 0 {
		return
	}
	all := roster.Combine(answered...)
	if _, err := all.Teams(ctx, hackathon); err != nil {
		s.problem("%v", err)
		return
	}
	findings := all.Findings()
	s.warnings = append(s.warnings, findings...)
	if len(answered) > 1 {
		s.say("teams: those of %s count; %s", answered[0].Name(), differences(len(findings)))
	}
}

func differences(n int) string {
	switch n {
	case 0:
		return "the other sources say the same"
	case 1:
		return "1 difference to the other sources is listed"
	}
	return fmt.Sprintf("%d differences to the other sources are listed", n)
}

// hubTeams asks the Hub, and warns of a key that may read less than it should.
func (s *survey) hubTeams(client *hub.Client) roster.TeamsFunc {
	return func(ctx context.Context, hackathon string) ([]contest.Team, error) {
		listed, err := client.Roster(ctx, hackathon)
		if err == nil && listed.EnvironmentOnly {
			s.warn("the Hub's key may not list teams (permission teams:read): they are those of every hackathon and state, and each verdict is published by a call of its own")
		}
		for _, skipped := range listed.Skipped {
			s.warn("the Hub: %s", skipped)
		}
		return listed.Teams, err
	}
}
