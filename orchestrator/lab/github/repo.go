package github

import (
	"cmp"
	"crypto/sha1" // git names commits by it
	"encoding/hex"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Repo is one repository. Owner and Name are found in any case.
type Repo struct {
	Owner, Name   string
	DefaultBranch string // default "main"
	Commits       []Commit
	// Steady adds a commit at each whole multiple of it, after Since and until
	// now: a team that goes on working.
	Steady time.Duration
	Since  time.Time

	Private  bool // a 404 for callers without credentials
	Archived bool
	Disabled bool
	Fork     bool
	Blocked  bool   // a 451
	MovedTo  string // "owner/name" of the repository that took its place: a 301
}

// Commit is one commit of the default branch.
type Commit struct {
	Author  string // login; default the owner of the repository
	Message string // default "Work on it"
	At      time.Time
}

func (r Repo) fullName() string { return r.Owner + "/" + r.Name }

func (r Repo) branch() string { return cmp.Or(r.DefaultBranch, "main") }

// id is stable for a name, as GitHub's is for a repository.
func (r Repo) id() int64 { return idOf("repo", strings.ToLower(r.fullName())) }

func (r Repo) number() string { return number(r.id()) }

func number(n int64) string { return strconv.FormatInt(n, 10) }

func idOf(parts ...string) int64 {
	h := fnv.New32a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p + "\x00"))
	}
	return int64(h.Sum32())
}

// history returns the commits until now, the newest first.
func (r Repo) history(now time.Time) []Commit {
	all := slices.Clone(r.Commits)
	if r.Steady > 0 {
		for at := now.Truncate(r.Steady); at.After(r.Since); at = at.Add(-r.Steady) {
			all = append(all, Commit{At: at})
		}
	}
	slices.SortStableFunc(all, func(a, b Commit) int { return b.At.Compare(a.At) })
	for i, c := range all {
		all[i].Author = cmp.Or(c.Author, r.Owner)
		all[i].Message = cmp.Or(c.Message, "Work on it")
	}
	return all
}

// sha names a commit. The same one has the same name each time.
func (r Repo) sha(what string, c Commit) string {
	sum := sha1.Sum([]byte(strings.Join([]string{what, r.fullName(), c.Author, c.Message, c.At.UTC().Format(time.RFC3339Nano)}, "\x00")))
	return hex.EncodeToString(sum[:])
}

// authors counts the commits of each author, the busiest first.
func authors(history []Commit) []authorCount {
	var all []authorCount
	for _, c := range history {
		i := slices.IndexFunc(all, func(a authorCount) bool { return a.login == c.Author })
		if i < 0 {
			all = append(all, authorCount{login: c.Author})
			i = len(all) - 1
		}
		all[i].commits++
	}
	slices.SortStableFunc(all, func(a, b authorCount) int { return b.commits - a.commits })
	return all
}

type authorCount struct {
	login   string
	commits int
}
