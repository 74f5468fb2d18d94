package web

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

//go:embed templates
var files embed.FS

// pages holds one template set per page, in one language.
type pages map[string]*template.Template

// frame is what every page has around its content.
type frame struct {
	Title   string
	Code    int // HTTP status; 0 means 200
	Version string
	Zone    string
	Lang    string
	Live    bool // parts of it are renewed while it is open
	Refresh bool // the reader asked for a page that renews itself as a whole
	Desk    bool // there are pages for organisers
	Frozen  *freeze
	Body    any
}

// freeze is what a page says of it.
type freeze struct {
	At        time.Time
	Organiser bool // who sees what came later
}

func loadPages(w words, assets map[string]asset) pages {
	linked := map[string]string{}
	for path, a := range assets {
		linked[a.contentType] = path
	}
	funcs := template.FuncMap{
		"t": w.say, "when": w.when, "stamp": stamp, "number": w.number, "amount": w.amount, "percent": w.percent, "span": w.span, "local": w.local,
		"users": w.users, "title": w.title, "longTitle": w.longTitle, "gist": w.gist, "badge": statusBadge,
		"outcome": outcomeBadge, "runBadge": runBadge, "stateWord": w.stateWord, "worstFirst": worstFirst,
		"short": func(t contest.Team) string { return teamName(t, shortText) },
		"long":  func(t contest.Team) string { return teamName(t, longText) },
		"prose": func(s string) string { return shown(s, proseText) },
		"share": share, "about": w.about, "more": func(all int, shown []turn) int { return all - len(shown) }, "operator": operator, "join": strings.Join, "millis": func(s float64) string { return w.amount(1000*s, "ms") },
		"mebi": func(b float64) string { return w.amount(math.Round(b/(1<<20)), "MiB") }, "next": func(n int) int { return n + 1 }, "count": func(v int64) string { return w.number(float64(v)) },
		"sentence": w.sentence, "near": w.near, "pair": pair, "ruled": ruled, "latencyOf": latencyOf, "rowAt": rowAt,
		"judges": func(c contest.Criterion) bool { return c == contest.JudgeScore },
		"said":   func(s string) said { return w.finding(shown(s, proseText)) },
		"style":  func() string { return linked["text/css; charset=utf-8"] },
		"script": func() string { return linked["text/javascript; charset=utf-8"] },
		"icon":   func() string { return linked["image/svg+xml"] },
	}
	base := template.Must(template.New("frame.gohtml").Funcs(funcs).ParseFS(files, "templates/frame.gohtml", "templates/parts.gohtml", "templates/desk.gohtml", "templates/graphs.gohtml"))
	set := pages{}
	for _, name := range []string{"results", "team", "run", "trouble", "login", "spend", "spend_team", "ops"} {
		set[name] = template.Must(template.Must(base.Clone()).ParseFS(files, "templates/"+name+".gohtml"))
	}
	return set
}

// render writes a whole page or fails before its first byte.
func (s *site) render(w http.ResponseWriter, r *http.Request, name string, f frame) error {
	body, err := s.paint(r, name, f)
	if err != nil {
		return err
	}
	s.keepLanguage(w, r, s.languageOf(r))
	send(w, r, body)
	return nil
}

// paint renders a page in the reader's language.
func (s *site) paint(r *http.Request, name string, f frame) (content, error) {
	if v := s.viewOf(r); v.frozen {
		f.Frozen = &freeze{s.FreezeAt, v.organiser}
	}
	f.Lang = s.languageOf(r)
	f.Title = s.words[f.Lang].say(f.Title)
	f.Version, f.Zone, f.Desk = shown(s.Version, shortText), s.Timezone.String(), s.Organisers != nil
	var b bytes.Buffer
	if err := s.pages[f.Lang][name].Execute(&b, f); err != nil {
		return content{}, fmt.Errorf("render page %s: %w", name, err)
	}
	return content{code: cmp.Or(f.Code, http.StatusOK), kind: "text/html; charset=utf-8", body: b.Bytes()}, nil
}

func (s *site) standings(ctx context.Context, v view) (standings, error) {
	teams, err := s.Board.Teams(ctx)
	if err != nil {
		return standings{}, fmt.Errorf("read teams: %w", err)
	}
	verdicts, err := s.Board.Verdicts(ctx, v.until)
	if err != nil {
		return standings{}, fmt.Errorf("read verdicts: %w", err)
	}
	return rank(teams, verdicts), nil
}

type resultsPage struct {
	standings
	Now    underWay
	Filter filter
	Of     int // teams, before the filter
}

// results serves the table. The one that everybody asks for is rendered once a
// second at most, however many ask.
func (s *site) results(w http.ResponseWriter, r *http.Request, v view) error {
	if r.URL.Query().Has("live") {
		w.Header().Set("Refresh", "5")
	}
	lang := s.languageOf(r)
	page, err := s.askedFor(r, v, lang)
	if err != nil {
		return err
	}
	s.keepLanguage(w, r, lang)
	send(w, r, page)
	return nil
}

// askedFor is the page of one reader, or the one of all.
func (s *site) askedFor(r *http.Request, v view, lang string) (content, error) {
	if q := r.URL.Query(); v.organiser || len(q) > 1 || len(q) == 1 && !q.Has("lang") {
		return s.resultsPage(r, v)
	}
	return s.recent.get(fmt.Sprint(lang, v.until), func() (content, error) {
		page, err := s.resultsPage(r, v)
		page.packed = pack(page.body)
		return page, err
	})
}

func (s *site) resultsPage(r *http.Request, v view) (content, error) {
	table, err := s.standings(r.Context(), v)
	if err != nil {
		return content{}, err
	}
	before, err := s.Board.Before(r.Context(), v.until)
	if err != nil {
		return content{}, fmt.Errorf("read verdicts of the round before: %w", err)
	}
	table.compare(before)
	now, err := s.underWay(r.Context(), v)
	if err != nil {
		return content{}, err
	}
	f, of := filterOf(r), len(table.Rows)
	table.Rows = f.of(table.Rows)
	page := resultsPage{table, now, f, of}
	return s.paint(r, "results", frame{Title: "Results", Live: true, Refresh: r.URL.Query().Has("live"), Body: page})
}

// underWay is what is under load, and what waits for its turn.
type underWay struct {
	Active []ActiveRun
	Queue  []turn
	Waits  int // in all
	Closed bool
}

// mostQueue is how many runs that wait are shown.
const mostQueue = 8

// active is what of the runs under load the view shows: none since the freeze.
func (s *site) active(ctx context.Context, v view) ([]ActiveRun, error) {
	if !v.until.IsZero() {
		return nil, nil
	}
	active, err := s.Pulse.Active(ctx)
	if err != nil {
		return nil, fmt.Errorf("read active runs: %w", err)
	}
	return active, nil
}

// underWay tells what the view shows of it: nothing since the freeze.
func (s *site) underWay(ctx context.Context, v view) (u underWay, err error) {
	if !v.until.IsZero() {
		return u, nil
	}
	if u.Active, err = s.active(ctx, v); err != nil {
		return u, err
	}
	waiting, err := s.Pulse.Waiting(ctx)
	if err != nil {
		return u, fmt.Errorf("read runs that wait: %w", err)
	}
	u.Waits, u.Closed = len(waiting.Runs), waiting.Closed
	u.Queue = turns(waiting, u.Active)
	u.Queue = u.Queue[:min(mostQueue, len(u.Queue))]
	return u, nil
}

type teamPage struct {
	standing
	Of       int
	Criteria []criterionPart
	First    []advice // what to fix first
	Runs     int
	Again    bool // the reader may have it measured again

	Suspicions []contest.Suspicion // of no criterion; for organisers alone
}

// criterionPart is one criterion on a team's page.
type criterionPart struct {
	Criterion contest.Criterion
	Measured  bool
	Verdict   contest.Verdict
	Dashboard string
	Runs      []contest.Run
	Endpoints []endpoint        // of the deployed solution, one by one
	Findings  []contest.Finding // those that are about no endpoint

	Suspicions []contest.Suspicion // for organisers alone
}

// teamOf reads the row and the latest runs of the team that the path names.
func (s *site) teamOf(r *http.Request, v view) (standing, []contest.Run, error) {
	slug := contest.Slug(r.PathValue("slug"))
	if !slug.Valid() {
		return standing{}, nil, ErrNotFound
	}
	table, err := s.standings(r.Context(), v)
	if err != nil {
		return standing{}, nil, err
	}
	row, ok := table.find(slug)
	if !ok {
		return standing{}, nil, ErrNotFound
	}
	runs, err := s.Archive.Runs(r.Context(), RunFilter{Team: slug, Limit: teamRuns, JudgedBy: v.until})
	if err != nil {
		return standing{}, nil, fmt.Errorf("read runs of %s: %w", slug, err)
	}
	return row, runs, nil
}

func (s *site) team(w http.ResponseWriter, r *http.Request, v view) error {
	row, runs, err := s.teamOf(r, v)
	if err != nil {
		return err
	}
	page := teamPage{standing: row, Runs: len(runs), Again: v.organiser && s.Organisers != nil && s.Operations != nil}
	for _, c := range contest.Criteria() {
		verdict, measured := row.Verdicts[c]
		part := criterionPart{Criterion: c, Measured: measured, Verdict: verdict, Endpoints: endpointsOf(verdict)}
		part.Findings = others(verdict.Findings, part.Endpoints)
		for _, run := range runs {
			if run.Criterion == c {
				part.Runs = append(part.Runs, run)
			}
		}
		if link, ok := publicMetrics(verdict)["confirmationUrl"].(string); ok && link != s.PublicURL+r.URL.Path { // not this page
			part.Dashboard = webURL(link)
		}
		if c != contest.JudgeScore || measured {
			page.Criteria = append(page.Criteria, part)
		}
	}
	page.First = fixFirst(page.Criteria)
	if err := s.explain(r.Context(), page.First); err != nil {
		return err
	}
	if v.organiser {
		if err := s.addSuspicions(r.Context(), &page); err != nil {
			return err
		}
	}
	return s.render(w, r, "team", frame{Title: teamName(row.Team, shortText), Live: true, Body: page})
}

type troublePage struct {
	Code int
	Word string
	Hint string
}

// errorPage tells a reader that there is no such page, or that we are in
// trouble, without the details that belong in the log.
func (s *site) errorPage(w http.ResponseWriter, r *http.Request, code int) {
	hint := "The orchestrator could not read its state. It keeps measuring; try again in a moment."
	if code == http.StatusNotFound {
		hint = "There is no such page. The team may have left the contest, or the address was mistyped."
	}
	body := troublePage{code, http.StatusText(code), hint}
	if err := s.render(w, r, "trouble", frame{Title: body.Word, Code: code, Body: body}); err != nil {
		http.Error(w, body.Word, code)
	}
}

// share writes how much of a whole a part is, in percent, for a progress bar.
func share(part, whole contest.Duration) int {
	if whole <= 0 {
		return 0
	}
	return int(min(100, max(0, 100*part/whole)))
}
