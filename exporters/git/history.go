package git

import (
	"context"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
)

// history reads the commits of one repository's default branch. The address of
// each request depends on the rules alone, never on the time of day, so that an
// unchanged repository answers all of them with a 304.
type history struct {
	g           *gitHub
	owner, name string
	now         time.Time
	rules       Rules
}

// read counts commits. The first page has the newest ones; how many there are
// in all is known from the number of the last page and what is on it.
func (h history) read(ctx context.Context, f *Facts) error {
	first, resp, err := h.page(ctx, h.rules.StartsAt, 1)
	if err != nil {
		return err
	}
	f.Commits = len(first)
	if resp.LastPage > 1 {
		last, _, err := h.page(ctx, h.rules.StartsAt, resp.LastPage)
		if err != nil {
			return err
		}
		f.Commits = (resp.LastPage-1)*pageSize + len(last)
	}
	all, next := first, resp.NextPage
	for h.allRecent(all) && next != 0 && next <= recentPages {
		page, resp, err := h.page(ctx, h.rules.StartsAt, next)
		if err != nil {
			return err
		}
		all, next = append(all, page...), resp.NextPage
	}
	f.RecentMore = h.allRecent(all) && next != 0
	if len(all) == 0 && !h.rules.StartsAt.IsZero() {
		// None since the start: there may be older ones, and their page says
		// whether there are any at all.
		if all, _, err = h.page(ctx, time.Time{}, 1); err != nil {
			return err
		}
	}
	h.date(all, f)
	return nil
}

func (h history) page(ctx context.Context, since time.Time, number int) ([]*github.RepositoryCommit, *github.Response, error) {
	o := github.CommitsListOptions{Since: since, ListOptions: github.ListOptions{PerPage: pageSize}}
	if number > 1 {
		o.Page = number
	}
	return h.g.client.Repositories.ListCommits(ctx, h.owner, h.name, &o)
}

// allRecent reports whether the oldest of a list is still of the rule's span.
func (h history) allRecent(commits []*github.RepositoryCommit) bool {
	return len(commits) > 0 && h.now.Sub(dateOf(commits[len(commits)-1])) < h.rules.Recent
}

// date looks at when commits were made. Whoever commits sets the date, so one of
// the future is not believed.
func (h history) date(commits []*github.RepositoryCommit, f *Facts) {
	for _, c := range commits {
		at := dateOf(c)
		switch {
		case at.After(h.now.Add(skew)):
			f.Ahead++
			continue
		case at.After(f.Last):
			f.Last = at
		}
		if h.now.Sub(at) < h.rules.Recent && !at.Before(h.rules.StartsAt) {
			f.Recent++
		}
	}
}

func dateOf(c *github.RepositoryCommit) time.Time { return c.GetCommit().GetCommitter().GetDate().Time }

func sameName(a, b string) bool { return strings.EqualFold(a, b) }
