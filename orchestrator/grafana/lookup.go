package grafana

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// DataSource is where dashboards get their numbers from.
type DataSource struct {
	UID     string `json:"uid"`
	Name    string `json:"name"`
	Type    string `json:"type"` // "prometheus"
	Default bool   `json:"isDefault"`
}

// Dashboard is a dashboard as Grafana describes it.
type Dashboard struct {
	UID    string
	Title  string
	Folder Folder // empty: at the top
	Path   string // from Grafana's host: "/grafana/d/uid/slug"
}

// Folder holds dashboards.
type Folder struct {
	UID   string `json:"uid"`
	Title string `json:"title"`
}

// Health is what Grafana says of itself to anyone.
type Health struct {
	Version  string `json:"version"`  // empty where Grafana hides it
	Database string `json:"database"` // "ok", or else there is an error
}

// Health asks how Grafana is. It needs no credentials.
func (c *Client) Health(ctx context.Context) (Health, error) {
	var h Health
	err := c.do(ctx, call{op: "ask grafana how it is", method: http.MethodGet, path: "/api/health", into: &h})
	if err == nil && h.Database == "" {
		err = &Error{Op: "ask grafana how it is", Status: http.StatusOK, Err: ErrNotGrafana}
	}
	return h, err
}

// DataSources lists the data sources in order of name. A token that may not list
// them (a viewer's) reads them where Grafana's own pages do.
func (c *Client) DataSources(ctx context.Context) ([]DataSource, error) {
	const op = "list data sources"
	var list []DataSource
	err := c.do(ctx, call{op: op, method: http.MethodGet, path: "/api/datasources", into: &list})
	if status := StatusOf(err); status == http.StatusUnauthorized || status == http.StatusForbidden {
		if seen, viewErr := c.visible(ctx, op); viewErr == nil {
			list, err = seen, nil
		}
	}
	slices.SortFunc(list, func(a, b DataSource) int { return cmp.Compare(a.Name, b.Name) })
	return list, err
}

// visible lists the data sources that the pages of whoever we are may use.
func (c *Client) visible(ctx context.Context, op string) ([]DataSource, error) {
	var settings struct {
		Default     string                `json:"defaultDatasource"`
		DataSources map[string]DataSource `json:"datasources"`
	}
	if err := c.do(ctx, call{op: op, method: http.MethodGet, path: "/api/frontend/settings", into: &settings}); err != nil {
		return nil, err
	}
	var list []DataSource
	for _, name := range slices.Sorted(maps.Keys(settings.DataSources)) {
		d := settings.DataSources[name]
		if strings.HasPrefix(d.UID, "-- ") || d.UID == "" { // Grafana's own, for its pages
			continue
		}
		d.Name, d.Default = cmp.Or(d.Name, name), name == settings.Default
		list = append(list, d)
	}
	return list, nil
}

// ErrNoDataSource is that no data source of type prometheus fits.
var ErrNoDataSource = errors.New("there is no such data source of type prometheus")

// Prometheus returns the data source of type prometheus that has the name or
// uid; with an empty one the default one, or else the first in order of name.
func (c *Client) Prometheus(ctx context.Context, name string) (DataSource, error) {
	all, err := c.DataSources(ctx)
	if err != nil {
		return DataSource{}, err
	}
	d, err := choose(all, name)
	if err != nil {
		return DataSource{}, &Error{Op: "look for a data source", Err: err}
	}
	return d, nil
}

func choose(all []DataSource, name string) (DataSource, error) {
	var fitting []DataSource
	var names []string
	for _, d := range all {
		if d.Type == "prometheus" && d.UID != "" {
			names = append(names, fmt.Sprintf("%q", clip(d.Name, 60)))
			if name == "" || d.UID == name || d.Name == name {
				fitting = append(fitting, d)
			}
		}
	}
	switch {
	case len(fitting) == 0 && len(names) > 0:
		return DataSource{}, fmt.Errorf("%w: %q is not among %s", ErrNoDataSource, clip(name, 60), strings.Join(names, ", "))
	case len(fitting) == 0:
		return DataSource{}, ErrNoDataSource
	}
	if i := slices.IndexFunc(fitting, func(d DataSource) bool { return d.Default }); i >= 0 {
		return fitting[i], nil
	}
	return fitting[0], nil
}

// Dashboard looks up the dashboard with the uid. Where there is none, StatusOf
// the error is 404.
func (c *Client) Dashboard(ctx context.Context, uid string) (Dashboard, error) {
	op := fmt.Sprintf("look up dashboard %q", clip(uid, 60))
	if !validUID(uid) {
		return Dashboard{}, &Error{Op: op, Message: "a uid has letters, digits, - and _, at most 40 of them"}
	}
	var answer struct {
		Meta struct {
			URL         string `json:"url"`
			FolderUID   string `json:"folderUid"`
			FolderTitle string `json:"folderTitle"`
		} `json:"meta"`
		Dashboard struct {
			UID   string `json:"uid"`
			Title string `json:"title"`
		} `json:"dashboard"`
	}
	err := c.do(ctx, call{op: op, method: http.MethodGet, path: "/api/dashboards/uid/" + url.PathEscape(uid), into: &answer})
	if err == nil && answer.Dashboard.UID != uid {
		err = &Error{Op: op, Status: http.StatusOK, Err: ErrNotGrafana}
	}
	if err != nil {
		return Dashboard{}, err
	}
	d := Dashboard{UID: uid, Title: answer.Dashboard.Title, Path: answer.Meta.URL}
	if answer.Meta.FolderUID != "" { // Grafana calls the top "General" or "Dashboards"
		d.Folder = Folder{UID: answer.Meta.FolderUID, Title: answer.Meta.FolderTitle}
	}
	return d, nil
}

// Folder looks up the folder with the uid or, where none has it, the title.
// Where there is none, StatusOf the error is 404.
func (c *Client) Folder(ctx context.Context, name string) (Folder, error) {
	op := fmt.Sprintf("look up folder %q", clip(name, 60))
	if validUID(name) {
		var f Folder
		err := c.do(ctx, call{op: op, method: http.MethodGet, path: "/api/folders/" + url.PathEscape(name), into: &f})
		if err == nil && f.UID == name {
			return f, nil
		}
		if err != nil && StatusOf(err) != http.StatusNotFound {
			return Folder{}, err
		}
	}
	var found []Folder
	query := url.Values{"type": {"dash-folder"}, "query": {name}, "limit": {"1000"}}
	if err := c.do(ctx, call{op: op, method: http.MethodGet, path: "/api/search", query: query, into: &found}); err != nil {
		return Folder{}, err
	}
	for _, f := range found { // the search also finds parts of titles
		if f.Title == name {
			return f, nil
		}
	}
	return Folder{}, &Error{Op: op, Status: http.StatusNotFound, Message: "there is no folder of that uid or title"}
}

// validUID reports whether uid has the form of Grafana's: it goes into a path.
func validUID(uid string) bool {
	if uid == "" || len(uid) > 40 {
		return false
	}
	return !strings.ContainsFunc(uid, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
	})
}
