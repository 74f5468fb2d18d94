package grafana

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Limits of Grafana: a tag has two columns of 100 characters, before and after
// its colon, and all tags of an annotation as JSON have 500 unless configured.
const (
	maxTag  = 100
	maxTags = 500
	maxText = 2000 // runes; ours: more does not fit on a screen
)

// Annotation marks a stretch of time on dashboards.
type Annotation struct {
	// Key identifies it, for example "run:01J8…": the same key again changes the
	// annotation that is there. It is one of its tags.
	Key       string
	Window    contest.Window // a zero To marks the instant From
	Tags      []string       // further ones; those over Grafana's limits are left out
	Text      string         // plain; shown when the mark is pointed at
	Dashboard string         // uid; empty: on each dashboard that shows one of the tags
}

// Annotate puts the annotation on Grafana, or changes the one with the same key,
// and returns its id. Two calls with one key at the same time may leave two: who
// owns a run is the only one to call for it.
func (c *Client) Annotate(ctx context.Context, a Annotation) (id int64, err error) {
	op := fmt.Sprintf("annotate %q", clip(a.Key, 60))
	switch {
	case !validTag(a.Key):
		return 0, &Error{Op: op, Message: "the key must be a short tag"}
	case a.Window.From.IsZero() || !a.Window.To.IsZero() && a.Window.To.Before(a.Window.From):
		return 0, &Error{Op: op, Message: "the window is empty"}
	case a.Dashboard != "" && !validUID(a.Dashboard):
		return 0, &Error{Op: op, Message: "the dashboard's uid is not one"}
	}
	id, err = c.find(ctx, op, a)
	if err != nil {
		return 0, err
	}
	doc := document(a)
	if id != 0 {
		// It stays where it is: a change cannot name a dashboard.
		doc.Dashboard = ""
		path := "/api/annotations/" + strconv.FormatInt(id, 10)
		return id, c.do(ctx, call{op: op, method: http.MethodPatch, path: path, body: doc, into: &json.RawMessage{}})
	}
	var created struct {
		ID int64 `json:"id"`
	}
	err = c.do(ctx, call{op: op, method: http.MethodPost, path: "/api/annotations", body: doc, into: &created})
	if err == nil && created.ID == 0 {
		err = &Error{Op: op, Status: http.StatusOK, Err: ErrNotGrafana}
	}
	return created.ID, err
}

// find returns the id of the annotation that has the key already, or 0.
func (c *Client) find(ctx context.Context, op string, a Annotation) (int64, error) {
	var found []struct {
		ID   int64    `json:"id"`
		Tags []string `json:"tags"`
	}
	query := url.Values{"type": {"annotation"}, "tags": {a.Key}, "limit": {"10"}}
	if a.Dashboard != "" {
		query.Set("dashboardUID", a.Dashboard)
	}
	if err := c.do(ctx, call{op: op, method: http.MethodGet, path: "/api/annotations", query: query, into: &found}); err != nil {
		return 0, err
	}
	for _, f := range found {
		if slices.Contains(f.Tags, a.Key) { // an older Grafana without the filter must not lose another's
			return f.ID, nil
		}
	}
	return 0, nil
}

// wireAnnotation is an annotation as Grafana reads it; times in milliseconds.
type wireAnnotation struct {
	Dashboard string   `json:"dashboardUID,omitempty"`
	Time      int64    `json:"time"`
	TimeEnd   int64    `json:"timeEnd,omitempty"`
	Tags      []string `json:"tags"`
	Text      string   `json:"text"`
}

func document(a Annotation) wireAnnotation {
	doc := wireAnnotation{
		Dashboard: a.Dashboard, Time: a.Window.From.UnixMilli(),
		Tags: fitting(append([]string{a.Key}, a.Tags...)),
		Text: html.EscapeString(clip(a.Text, maxText)),
	}
	if !a.Window.To.IsZero() {
		doc.TimeEnd = a.Window.To.UnixMilli()
	}
	if doc.Text == "" { // Grafana refuses one without
		doc.Text = html.EscapeString(a.Key)
	}
	return doc
}

// fitting returns the tags that Grafana can hold, each once.
func fitting(tags []string) []string {
	kept, length := []string{}, len("[]")
	for _, tag := range tags {
		size := len(strconv.Quote(tag)) + len(",")
		if validTag(tag) && !slices.Contains(kept, tag) && length+size <= maxTags {
			kept, length = append(kept, tag), length+size
		}
	}
	return kept
}

func validTag(tag string) bool {
	name, value, _ := strings.Cut(tag, ":")
	return name != "" && len(name) <= maxTag && len(value) <= maxTag && tag == clip(tag, 2*maxTag+1)
}
