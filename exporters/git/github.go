package git

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/samber/lo"
)

// ErrCredentials is why nothing can be asked of GitHub: it does not know them.
var ErrCredentials = errors.New("GitHub refuses our credentials")

const (
	pageSize    = 100              // the most that GitHub gives at once
	recentPages = 3                // how far back recent commits are counted
	mostBranch  = 250              // characters of a branch's name; git allows no more on most systems
	skew        = 10 * time.Minute // a clock may be ahead of ours by this
)

// gitHub reads repositories over GitHub's API.
type gitHub struct {
	client *github.Client
	limits *limiter
	idle   func()
}

// newGitHub builds the client from the outside in: go-github, the cache, the
// limits, the credentials, the bounds of one request.
func newGitHub(c Config, api *url.URL) (*gitHub, error) {
	bounds := newBounded(c, api)
	auth, err := newAuth(c, api, bounds)
	if err != nil {
		return nil, err
	}
	limits := newLimiter(c, auth)
	g := github.NewClient(&http.Client{Transport: &cached{next: limits, cache: c.Cache}, CheckRedirect: once})
	g.BaseURL, g.UserAgent = api, c.UserAgent
	return &gitHub{client: g, limits: limits, idle: bounds.transport.CloseIdleConnections}, nil
}

// once follows one redirect, for a repository that has moved. That it stays on
// the API's own address is seen to where requests are sent, see bounded.
func once(_ *http.Request, via []*http.Request) error {
	if len(via) > 1 {
		return errRedirect
	}
	return nil
}

var errRedirect = errors.New("redirected away")

func (g *gitHub) close() { g.idle() }

// reach asks for the state of our limits, which is free: so the first real
// request already knows them, and wrong credentials are told at once.
func (g *gitHub) reach(ctx context.Context) error {
	req, err := g.client.NewRequest(http.MethodGet, "rate_limit", nil)
	if err != nil {
		return err
	}
	_, err = g.client.Do(ctx, req, nil)
	var answer *github.ErrorResponse
	if errors.As(err, &answer) {
		switch answer.Response.StatusCode {
		case http.StatusUnauthorized:
			return fmt.Errorf("%w (%s)", ErrCredentials, answer.Response.Status)
		case http.StatusNotFound: // an Enterprise server without limits
			return nil
		}
	}
	return err
}

// look fills in what GitHub says of f's repository.
func (g *gitHub) look(ctx context.Context, f *Facts, r Rules, now time.Time) {
	owner, name, _ := f.Repository.names()
	repo, _, err := g.client.Repositories.Get(ctx, owner, name)
	if err != nil {
		f.State, f.Reason = explain(err)
		return
	}
	if full := repo.GetFullName(); full != "" {
		before := f.Repository.Path
		f.Repository.Path = full
		if o, n, ok := f.Repository.names(); ok {
			f.Moved, owner, name = !sameName(before, full), o, n
		} else {
			f.Repository.Path = before
		}
	}
	f.Branch = string(lo.Slice([]rune(repo.GetDefaultBranch()), 0, mostBranch))
	f.Archived, f.Disabled, f.Fork = repo.GetArchived(), repo.GetDisabled(), repo.GetFork()
	if repo.GetPrivate() {
		f.State, f.Reason = Private, "The repository is private: the jury cannot see it."
		return
	}
	h := history{g: g, owner: owner, name: name, now: now, rules: r}
	if err := h.read(ctx, f); err != nil {
		f.State, f.Reason = explain(err)
		return
	}
	f.State = Found
	f.Contributors, f.ManyMore = g.contributors(ctx, owner, name)
}

// contributors counts one page of them; what cannot be had is unknown (-1): no
// rule needs it.
func (g *gitHub) contributors(ctx context.Context, owner, name string) (n int, more bool) {
	people, resp, err := g.client.Repositories.ListContributors(ctx, owner, name, &github.ListContributorsOptions{
		Anon: "true", ListOptions: github.ListOptions{PerPage: pageSize},
	})
	if err != nil {
		return -1, false
	}
	return len(people), resp.NextPage != 0
}

// explain says what an error of the API means for a repository.
func explain(err error) (State, string) {
	var limit *LimitError
	var answer *github.ErrorResponse
	switch {
	case errors.As(err, &limit):
		return Unmeasured, fmt.Sprintf("GitHub was not asked: %v.", limit)
	case errors.Is(err, ErrCredentials):
		return Unmeasured, "GitHub was not asked: it refuses our credentials."
	case errors.Is(err, errRedirect):
		return Unmeasured, "GitHub sent us to another address, which was not followed."
	case errors.Is(err, errTooLarge):
		return Unmeasured, "GitHub's answer was too large to be read."
	case errors.As(err, &answer):
		return explainAnswer(answer)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Unmeasured, "GitHub did not answer in time."
	}
	return Unmeasured, "GitHub could not be asked: no proper answer came."
}

func explainAnswer(e *github.ErrorResponse) (State, string) {
	switch status := e.Response.StatusCode; {
	case status == http.StatusNotFound, status == http.StatusGone:
		return Missing, "There is no such repository on GitHub, or it is private: make it public."
	case status == http.StatusConflict:
		return Empty, "The repository is empty: it has no commit."
	case status == http.StatusUnavailableForLegalReasons, status == http.StatusForbidden && e.Block != nil:
		return Blocked, "GitHub keeps the repository shut, for legal reasons or because of its terms."
	default:
		return Unmeasured, fmt.Sprintf("GitHub could not tell of the repository: it answered %d.", status)
	}
}
