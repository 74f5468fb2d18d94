package hub

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Roster is who takes part.
type Roster struct {
	Teams []contest.Team // in order of slug
	// EnvironmentOnly means that the key may not list teams, so they come from
	// the environment call: of all hackathons and in every state, and without a
	// hackathon id, so that Publish writes each update by a single PUT.
	EnvironmentOnly bool
	// Skipped says which entries of the Hub's answer were left out and why.
	Skipped []string
}

// Teams returns the approved teams of a hackathon (an empty id means of all)
// with what their environment says of endpoint, repository and spend.
func (c *Client) Teams(ctx context.Context, hackathon string) ([]contest.Team, error) {
	roster, err := c.Roster(ctx, hackathon)
	return roster.Teams, err
}

// Roster is Teams with an account of how it was read. It takes two calls,
// however many teams there are.
func (c *Client) Roster(ctx context.Context, hackathon string) (Roster, error) {
	environment, err := c.environment(ctx)
	if err != nil {
		return Roster{}, err
	}
	listed, err := c.list(ctx, hackathon)
	switch e, _ := errors.AsType[*Error](err); {
	case err == nil:
		return c.merge(listed, environment), nil
	case e != nil && (e.Status == http.StatusForbidden || e.Status == http.StatusNotFound):
		// A key without teams:read, or a Hub from before the call existed.
		listed = nil
		for _, t := range environment {
			listed = append(listed, teamEntry{Nickname: t.Slug, Name: t.Name})
		}
		roster := c.merge(listed, environment)
		roster.EnvironmentOnly = true
		return roster, nil
	}
	return Roster{}, err
}

// teamEntry is a team in the answer of /api/service/teams.
type teamEntry struct {
	Nickname    string `json:"nickname"`
	Name        string `json:"name"`
	HackathonID string `json:"hackathonId"`
}

// teamEnvironment is a team in the answer of /api/service/teams/environment.
type teamEnvironment struct {
	Slug        string     `json:"teamSlug"`
	Name        string     `json:"teamName"`
	Environment []variable `json:"environment"`
}

type variable struct {
	Key      string `json:"key"`
	Value    string `json:"value"`
	IsSecure bool   `json:"isSecure"`
}

func (c *Client) list(ctx context.Context, hackathon string) (teams []teamEntry, err error) {
	query := url.Values{}
	if hackathon != "" {
		query.Set("hackathonId", hackathon)
	}
	err = c.do(ctx, call{
		op: "read teams", permission: "teams:read",
		method: http.MethodGet, path: "/api/service/teams", query: query,
		decode: func(body []byte) (err error) { teams, err = decodeTeams(body); return err },
	})
	return teams, err
}

func (c *Client) environment(ctx context.Context) (teams []teamEnvironment, err error) {
	err = c.do(ctx, call{
		op: "read team environments", permission: "environment:read",
		method: http.MethodGet, path: "/api/service/teams/environment",
		decode: func(body []byte) (err error) { teams, err = decodeEnvironment(body); return err },
	})
	return teams, err
}

func decodeTeams(body []byte) ([]teamEntry, error) {
	var answer struct {
		Teams *[]teamEntry `json:"teams"`
	}
	if err := decode(body, &answer); err != nil {
		return nil, err
	}
	return field(answer.Teams, "teams")
}

func decodeEnvironment(body []byte) ([]teamEnvironment, error) {
	var answer struct {
		Teams *[]teamEnvironment `json:"teams"`
	}
	if err := decode(body, &answer); err != nil {
		return nil, err
	}
	return field(answer.Teams, "teams")
}

// merge joins the two answers by slug, in the order of listed.
func (c *Client) merge(listed []teamEntry, environment []teamEnvironment) Roster {
	variables := make(map[string][]variable, len(environment))
	for _, t := range environment {
		variables[t.Slug] = t.Environment
	}
	var roster Roster
	seen := make(map[string]bool, len(listed))
	for _, t := range listed {
		switch {
		case !contest.Slug(t.Nickname).Valid():
			roster.Skipped = append(roster.Skipped, fmt.Sprintf("a team has the nickname %q, which is no slug", clip(t.Nickname)))
		case seen[t.Nickname]:
			roster.Skipped = append(roster.Skipped, fmt.Sprintf("the nickname %q came twice", t.Nickname))
		default:
			seen[t.Nickname] = true
			roster.Teams = append(roster.Teams, c.team(t, variables[t.Nickname]))
		}
	}
	return roster
}

func (c *Client) team(entry teamEntry, variables []variable) contest.Team {
	byKey := make(map[string]variable, len(variables))
	for _, v := range variables {
		byKey[v.Key] = v
	}
	team := contest.Team{Slug: contest.Slug(entry.Nickname), Name: entry.Name, HackathonID: entry.HackathonID}
	for _, part := range []struct {
		into *string
		keys []string
	}{
		{&team.Endpoint, c.cfg.Environment.Endpoint},
		{&team.Repository, c.cfg.Environment.Repository},
		{&team.Spend, c.cfg.Environment.Spend},
	} {
		var notes []string
		*part.into, notes = pick(byKey, part.keys)
		team.Notes = append(team.Notes, notes...)
	}
	return team
}

// pick returns the first usable value among keys, and a note for each value
// that had to be passed over because the Hub hides it.
func pick(byKey map[string]variable, keys []string) (value string, notes []string) {
	for _, key := range keys {
		v, ok := byKey[key]
		value := strings.TrimSpace(v.Value)
		switch {
		case !ok || value == "":
		case v.IsSecure || masked(value):
			notes = append(notes, key+" is hidden by the Hub, so it was not used")
		default:
			return value, notes
		}
	}
	return "", notes
}

// masked reports whether value is what the Hub shows in place of a secret: all
// of it as ***, or its first and last four characters around ***.
func masked(value string) bool {
	r := []rune(value)
	return value == "***" || len(r) == 11 && string(r[4:7]) == "***"
}
