package github

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// view shows one repository to one caller.
type view struct {
	repo  Repo
	now   time.Time
	base  string // address of the API
	query url.Values
}

const web = "https://github.com/"

func (v view) url(parts ...string) string {
	return strings.Join(append([]string{v.base, "repos", v.repo.Owner, v.repo.Name}, parts...), "/")
}

// user is how the API shows a person in lists.
func (v view) user(login, kind string) map[string]any {
	at := v.base + "/users/" + login
	id := idOf("user", strings.ToLower(login))
	return map[string]any{
		"login": login, "id": id, "node_id": fmt.Sprintf("U_%x", id), "gravatar_id": "", "type": kind, "site_admin": false,
		"avatar_url": fmt.Sprintf("https://avatars.githubusercontent.com/u/%d?v=4", id), "url": at, "html_url": web + login,
		"followers_url": at + "/followers", "following_url": at + "/following{/other_user}", "gists_url": at + "/gists{/gist_id}",
		"starred_url": at + "/starred{/owner}{/repo}", "subscriptions_url": at + "/subscriptions", "organizations_url": at + "/orgs",
		"repos_url": at + "/repos", "events_url": at + "/events{/privacy}", "received_events_url": at + "/received_events",
	}
}

func (v view) repository() map[string]any {
	r := v.repo
	history := r.history(v.now)
	created, pushed := r.Since, r.Since
	if len(history) > 0 {
		created, pushed = history[len(history)-1].At, history[0].At
	}
	at := web + r.fullName()
	visibility := map[bool]string{true: "private", false: "public"}[r.Private]
	return map[string]any{
		"id": r.id(), "node_id": fmt.Sprintf("R_%x", r.id()), "name": r.Name, "full_name": r.fullName(), "private": r.Private,
		"owner": v.user(r.Owner, "Organization"), "html_url": at, "description": nil, "fork": r.Fork, "url": v.url(),
		"commits_url": v.url("commits{/sha}"), "contributors_url": v.url("contributors"), "branches_url": v.url("branches{/branch}"),
		"created_at": stamp(created), "updated_at": stamp(pushed), "pushed_at": stamp(pushed),
		"git_url": "git://github.com/" + r.fullName() + ".git", "ssh_url": "git@github.com:" + r.fullName() + ".git",
		"clone_url": at + ".git", "svn_url": at, "homepage": nil, "size": len(history) * 12, "stargazers_count": 0, "watchers_count": 0,
		"language": "Go", "has_issues": true, "has_projects": true, "has_downloads": true, "has_wiki": true, "has_pages": false,
		"has_discussions": false, "forks_count": 0, "mirror_url": nil, "archived": r.Archived, "disabled": r.Disabled,
		"open_issues_count": 0, "license": nil, "allow_forking": true, "is_template": false, "web_commit_signoff_required": false,
		"topics": []string{}, "visibility": visibility, "forks": 0, "open_issues": 0, "watchers": 0, "default_branch": r.branch(),
		"temp_clone_token": nil, "network_count": 0, "subscribers_count": 1,
	}
}

func (v view) commits() answer {
	history := v.repo.history(v.now)
	if len(history) == 0 {
		return failure(http.StatusConflict, "Git Repository is empty.")
	}
	sha := v.query.Get("sha")
	if sha != "" && sha != v.repo.branch() && sha != "HEAD" {
		return failure(http.StatusNotFound, "Not Found")
	}
	since, _ := time.Parse(time.RFC3339, v.query.Get("since")) // what cannot be read filters nothing
	until, _ := time.Parse(time.RFC3339, v.query.Get("until"))
	history = slices.DeleteFunc(history, func(c Commit) bool {
		return c.At.Before(since) || !until.IsZero() && c.At.After(until)
	})
	return v.page("commits", len(history), func(i int) map[string]any { return v.commit(history[i]) })
}

func (v view) commit(c Commit) map[string]any {
	sha, tree := v.repo.sha("commit", c), v.repo.sha("tree", c)
	who := map[string]any{"name": c.Author, "email": c.Author + "@users.noreply.github.com", "date": stamp(c.At)}
	return map[string]any{
		"sha": sha, "node_id": "C_" + sha,
		"commit": map[string]any{
			"author": who, "committer": who, "message": c.Message, "tree": map[string]any{"sha": tree, "url": v.url("git/trees", tree)},
			"url": v.url("git/commits", sha), "comment_count": 0,
			"verification": map[string]any{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil, "verified_at": nil},
		},
		"url": v.url("commits", sha), "html_url": web + v.repo.fullName() + "/commit/" + sha, "comments_url": v.url("commits", sha, "comments"),
		"author": v.user(c.Author, "User"), "committer": v.user(c.Author, "User"), "parents": []any{},
	}
}

func (v view) contributors() answer {
	all := authors(v.repo.history(v.now))
	if len(all) == 0 {
		return answer{status: http.StatusNoContent, header: http.Header{}}
	}
	return v.page("contributors", len(all), func(i int) map[string]any {
		person := v.user(all[i].login, "User")
		person["contributions"] = all[i].commits
		return person
	})
}

// page shows the part of a list of n that the query asks for, with links to the
// other pages.
func (v view) page(what string, n int, show func(int) map[string]any) answer {
	size := whole(v.query.Get("per_page"), 30, 100)
	last := max(1, (n+size-1)/size)
	at := whole(v.query.Get("page"), 1, 1<<30)
	shown := []any{}
	for i := (at - 1) * size; i < min(n, at*size); i++ {
		shown = append(shown, show(i))
	}
	a := ok200(shown)
	if links := v.links(what, at, last); links != "" {
		a.header.Set("Link", links)
	}
	return a
}

// links is the Link header of one page of several.
func (v view) links(what string, at, last int) string {
	var links []string
	link := func(rel string, page int) {
		q := url.Values{}
		for name, values := range v.query {
			q[name] = values
		}
		q.Set("page", strconv.Itoa(page))
		links = append(links, fmt.Sprintf(`<%s/repositories/%s/%s?%s>; rel="%s"`, v.base, v.repo.number(), what, q.Encode(), rel))
	}
	if at > 1 {
		link("prev", min(at-1, last))
	}
	if at < last {
		link("next", at+1)
		link("last", last)
	}
	if at > 1 {
		link("first", 1)
	}
	return strings.Join(links, ", ")
}

// whole reads a number from 1 to most; anything else is the default or the bound.
func whole(text string, otherwise, most int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return otherwise
	}
	return min(n, most)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
