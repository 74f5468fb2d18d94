package grafana

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// oldestMajor is the first version that finds data sources and dashboards by uid
// everywhere: in the proxy's path and in annotations.
const oldestMajor = 9

// Wanted is what must be there for links and annotations to work. Empty fields
// are not looked for, except DataSource.
type Wanted struct {
	DataSource string   // name or uid of a Prometheus; empty: any
	Folder     string   // uid or title
	Dashboards []string // uids, also as "uid/slug"
}

// State is what Check found.
type State struct {
	Version    string     // empty when Grafana hides it or could not be asked
	DataSource DataSource // empty when there is none that fits
	Problems   []Problem  // empty when all is well
}

// Problem is something missing, and what to do about it.
type Problem struct {
	What   string // "dashboard \"k6\" is not there"
	Remedy string // "import it, or …"
}

// String is the problem in one line.
func (p Problem) String() string { return p.What + ": " + p.Remedy }

// Check looks whether Grafana answers, is new enough, lets us in, and has what is
// wanted. It asks on after a problem, unless nothing more can be asked.
func (c *Client) Check(ctx context.Context, want Wanted) State {
	var s State
	health, err := c.Health(ctx)
	s.Version = clip(health.Version, 40)
	if err != nil {
		s.report("grafana cannot be asked", err)
		return s
	}
	s.judge(health.Version)
	if s.DataSource, err = c.Prometheus(ctx, want.DataSource); err != nil {
		s.report("the data source cannot be found", err)
		if StatusOf(err) == http.StatusUnauthorized {
			return s // it would say the same to everything
		}
	}
	if want.Folder != "" {
		if _, err := c.Folder(ctx, want.Folder); err != nil {
			s.report(fmt.Sprintf("folder %q is not to be had", clip(want.Folder, 60)), err)
		}
	}
	for _, board := range want.Dashboards {
		uid, _, _ := strings.Cut(board, "/")
		if _, err := c.Dashboard(ctx, uid); err != nil {
			s.report(fmt.Sprintf("dashboard %q is not to be had", clip(uid, 60)), err)
		}
	}
	return s
}

// judge looks at the version. One that is hidden may be any.
func (s *State) judge(version string) {
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if n, err := strconv.Atoi(major); version != "" && (err != nil || n < oldestMajor) {
		s.Problems = append(s.Problems, Problem{
			What:   fmt.Sprintf("grafana is of version %q", s.Version),
			Remedy: fmt.Sprintf("version %d or newer is needed, where everything is found by its uid", oldestMajor),
		})
	}
}

func (s *State) report(what string, err error) {
	s.Problems = append(s.Problems, Problem{What: what + " (" + err.Error() + ")", Remedy: remedy(err)})
}

// remedy says what an operator may do about an error.
func remedy(err error) string {
	switch status := StatusOf(err); {
	case errors.Is(err, ErrNoDataSource):
		return "add a Prometheus under Connections, Data sources, or name the one to use"
	case errors.Is(err, ErrNotGrafana):
		return "does the address lead to Grafana, with its path if it is served below one?"
	case errors.Is(err, ErrTooLarge):
		return "does the address lead to Grafana?"
	case status == http.StatusUnauthorized:
		return "make a service account token in Grafana (Administration, Service accounts) and configure it"
	case status == http.StatusForbidden:
		return "give the service account the role Editor, or at least the right to read this"
	case status == http.StatusNotFound:
		return "create or import it, or configure the right uid; a folder's own rights may hide it from us"
	case status >= 300 && status <= 399:
		return "configure the address that it leads to, if that is Grafana's"
	case status >= 500:
		return "look into Grafana's log, or that of the proxy before it"
	case status == 0:
		return "is the address right, does Grafana run, and may we reach it from here?"
	}
	return "look into Grafana's log"
}
