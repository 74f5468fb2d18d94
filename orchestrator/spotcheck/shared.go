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

// crossings says which teams have one service. Which of them it belongs to
// cannot be seen from outside, so both are named.
func crossings(all []*marked, at time.Time) []contest.Suspicion {
	var found []contest.Suspicion
	for i, one := range all {
		for _, other := range all[i+1:] {
			same := one.client.target == other.client.target && one.client.base == other.client.base
			crossed := one.found(other) || other.found(one)
			if !same && !crossed {
				continue
			}
			for _, side := range [][2]*marked{{one, other}, {other, one}} {
				found = append(found, contest.Suspicion{
					Team: side[0].team.Slug, Other: side[1].team.Slug, Kind: contest.SuspicionShared, At: at,
					Sentence: sharedSentence(side[1].team.Slug, same, crossed),
				})
			}
		}
	}
	return found
}

func sharedSentence(other contest.Slug, same, crossed bool) string {
	switch {
	case same && crossed:
		return fmt.Sprintf("The team gives the same address as %s, and a booking that was left at one is found at the other.", other)
	case same:
		return fmt.Sprintf("The team gives the same address as %s.", other)
	}
	return fmt.Sprintf("A booking that was left at the service of this team or of %s is found at both, though their addresses differ: one leads to the other, or they keep one set of data.", other)
}
