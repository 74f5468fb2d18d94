package spotcheck

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	sharedTime = 2 * time.Minute // for all teams of a round
	askedAtOne = 8               // services that are asked at once
	firstEvent = 2               // the event of the first team's mark; 1 is the concert
	mostTeams  = 1000            // that have an event of their own
)

// opening opens a booking, and cancelling ends it.
func opening(user User, event int) call {
	return call{method: http.MethodPost, path: "/api/bookings", body: fmt.Sprintf(`{"event_id":%d}`, event), as: basic(user.Email, user.Password)}
}

func cancelling(user User, id string) call {
	raw := json.RawMessage(id)
	if !json.Valid(raw) {
		raw, _ = json.Marshal(id) // a text always encodes
	}
	return call{method: http.MethodPatch, path: "/api/bookings/cancel", body: `{"booking_id":` + string(raw) + `}`, as: basic(user.Email, user.Password)}
}

// marked is a team on whose service a mark is left: a booking of an event that
// no other team's mark is of.
type marked struct {
	team   contest.Team
	client *client
	event  int
	was    answer // the user's bookings before
	mark   string // the booking's id; empty: none could be left
	is     answer // the user's bookings after all marks were left
}

// Teams looks whether some of the teams have one service between them: what is
// left at one is then found at another, also behind a proxy. Under load that
// resets services it finds less.
func (c *Checker) Teams(teams []contest.Team) {
	if len(c.Users) == 0 {
		return
	}
	c.later(func(ctx context.Context) { c.keep(ctx, c.shared(ctx, teams)) })
}

// shared leaves a mark at each team, looks at all of them, and takes the marks away.
func (c *Checker) shared(ctx context.Context, teams []contest.Team) []contest.Suspicion {
	ctx, cancel := context.WithTimeout(ctx, sharedTime)
	defer cancel()
	user, as := c.Users[0], c.looks.plain[0]
	listing := call{method: http.MethodGet, path: "/api/bookings", as: basic(user.Email, user.Password)}
	all := c.toMark(teams)
	each(ctx, all, func(m *marked) { m.was, _ = m.client.ask(ctx, as, listing) })
	each(ctx, all, func(m *marked) {
		if m.was.good() {
			a, _ := m.client.ask(ctx, as, opening(user, m.event))
			m.mark = a.id
		}
	})
	each(ctx, all, func(m *marked) { m.is, _ = m.client.ask(ctx, as, listing) })
	each(ctx, all, func(m *marked) {
		if m.mark != "" {
			_, _ = m.client.ask(ctx, as, cancelling(user, m.mark)) // what stays is an empty booking
		}
	})
	return crossings(all, time.Now())
}

// toMark lists the teams that have a service, each with an event of its own.
func (c *Checker) toMark(teams []contest.Team) []*marked {
	var all []*marked
	for _, t := range teams {
		k, err := c.clientOf(t)
		if err != nil || len(all) >= mostTeams {
			continue
		}
		all = append(all, &marked{team: t, client: k})
	}
	slices.SortFunc(all, func(a, b *marked) int { return strings.Compare(string(a.team.Slug), string(b.team.Slug)) })
	for i, m := range all {
		m.event = firstEvent + i
	}
	return all
}

// each does something with all of them, some at a time.
func each(ctx context.Context, all []*marked, do func(*marked)) {
	var group errgroup.Group
	group.SetLimit(askedAtOne)
	for _, m := range all {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error { do(m); return nil })
	}
	_ = group.Wait() // nothing fails
}

// found reports whether a mark that was left at another team is on m's list, and
// was not before.
func (m *marked) found(other *marked) bool {
	return other.mark != "" && m.was.good() && m.is.good() &&
		m.is.lists(other) && !m.was.lists(other)
}

// lists reports whether a mark is among the bookings.
func (a answer) lists(m *marked) bool {
	event := strconv.Itoa(m.event)
	for i := range a.ids {
		if a.ids[i] == m.mark && a.events[i] == event {
			return true
		}
	}
	return false
}

// crossings says which teams have one service, each of them once: an address that
// many have copied from an example is as many suspicions, not as many pairs. Which
// of them it belongs to cannot be seen from outside, so all are named.
func crossings(all []*marked, at time.Time) []contest.Suspicion {
	same, crossed := make([][]string, len(all)), make([][]string, len(all)) // with whom, for each team
	for i, one := range all {
		for j, other := range all[:i] {
			with := crossed
			switch {
			case one.client.target == other.client.target && one.client.base == other.client.base:
				with = same
			case !one.found(other) && !other.found(one):
				continue
			}
			with[i], with[j] = append(with[i], string(other.team.Slug)), append(with[j], string(one.team.Slug))
		}
	}
	var found []contest.Suspicion
	for i, one := range all {
		if others := slices.Concat(same[i], crossed[i]); len(others) > 0 {
			found = append(found, contest.Suspicion{
				Team: one.team.Slug, Other: contest.Slug(others[0]), Kind: contest.SuspicionShared, At: at,
				Sentence: sharedSentence(same[i], crossed[i]),
			})
		}
	}
	return found
}

// mostNamed is how many teams a sentence names.
const mostNamed = 3

func sharedSentence(same, crossed []string) string {
	var said []string
	if len(same) > 0 {
		said = append(said, fmt.Sprintf("The team gives the same address as %s.", someOf(same)))
	}
	if len(crossed) > 0 {
		said = append(said, fmt.Sprintf("A booking that was left at the service of this team or of %s is found at both, though their addresses differ: one leads to the other, or they keep one set of data.", someOf(crossed)))
	}
	return strings.Join(said, " ")
}

func someOf(teams []string) string {
	if more := len(teams) - mostNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(teams[:mostNamed], ", "), more)
	}
	return strings.Join(teams, ", ")
}
