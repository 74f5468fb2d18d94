package web

import (
	"bytes"
	"cmp"
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

// pages holds one template set per page.
type pages map[string]*template.Template

// frame is what every page has around its content.
type frame struct {
	Title   string
	Code    int // HTTP status; 0 means 200
	Version string
	Zone    string
	Refresh bool // the reader asked for a page that renews itself
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
		"when": w.when, "stamp": stamp, "number": number, "amount": amount, "percent": percent, "span": span,
		"users": users, "title": title, "longTitle": longTitle, "gist": gist, "badge": statusBadge,
		"outcome": outcomeBadge, "runBadge": runBadge, "worstFirst": worstFirst,
		"short": func(t contest.Team) string { return teamName(t, shortText) },
		"long":  func(t contest.Team) string { return teamName(t, longText) },
		"prose": func(s string) string { return shown(s, proseText) },
		"share": share, "operator": operator, "join": strings.Join, "millis": func(s float64) string { return amount(1000*s, "ms") },
		"mebi": func(b float64) string { return amount(math.Round(b/(1<<20)), "MiB") }, "next": func(n int) int { return n + 1 }, "count": func(v int64) string { return number(float64(v)) },
		"style": func() string { return linked["text/css; charset=utf-8"] },
		"icon":  func() string { return linked["image/svg+xml"] },
	}
	base := template.Must(template.New("frame.gohtml").Funcs(funcs).ParseFS(files, "templates/frame.gohtml", "templates/parts.gohtml", "templates/desk.gohtml"))
	set := pages{}
	for _, name := range []string{"results", "team", "run", "trouble", "login", "spend", "spend_team"} {
		set[name] = template.Must(template.Must(base.Clone()).ParseFS(files, "templates/"+name+".gohtml"))
	}
	return set
}

// render writes a whole page or fails before its first byte.
func (s *site) render(w http.ResponseWriter, r *http.Request, name string, f frame) error {
	if v := s.viewOf(r); v.frozen {
		f.Frozen = &freeze{s.FreezeAt, v.organiser}
	}
	f.Version, f.Zone, f.Desk = shown(s.Version, shortText), s.Timezone.String(), s.Organisers != nil
	var b bytes.Buffer
	if err := s.pages[name].Execute(&b, f); err != nil {
		return fmt.Errorf("render page %s: %w", name, err)
	}
	send(w, r, content{cmp.Or(f.Code, http.StatusOK), "text/html; charset=utf-8", b.Bytes()})
	return nil
}

func (s *site) standings(r *http.Request, v view) (standings, error) {
	teams, err := s.Board.Teams(r.Context())
	if err != nil {
		return standings{}, fmt.Errorf("read teams: %w", err)
	}
	verdicts, err := s.Board.Verdicts(r.Context(), v.until)
	if err != nil {
		return standings{}, fmt.Errorf("read verdicts: %w", err)
	}
	return rank(teams, verdicts), nil
}

type resultsPage struct {
	standings
	Active []ActiveRun
}

func (s *site) results(w http.ResponseWriter, r *http.Request, v view) error {
	table, err := s.standings(r, v)
	if err != nil {
		return err
	}
	active, err := s.active(r, v)
	if err != nil {
		return err
	}
	live := r.URL.Query().Has("live")
	if live {
		w.Header().Set("Refresh", "5")
	}
	return s.render(w, r, "results", frame{Title: "Results", Refresh: live, Body: resultsPage{table, active}})
}

// active lists the runs under way that the view shows: none since the freeze.
func (s *site) active(r *http.Request, v view) ([]ActiveRun, error) {
	if !v.until.IsZero() {
		return nil, nil
	}
	all, err := s.Pulse.Active(r.Context())
	if err != nil {
		return nil, fmt.Errorf("read active runs: %w", err)
	}
	return all, nil
}

type teamPage struct {
	standing
	Of       int
	Criteria []criterionPart
	Runs     int
}

// criterionPart is one criterion on a team's page.
type criterionPart struct {
	Criterion contest.Criterion
	Measured  bool
	Verdict   contest.Verdict
	Dashboard string
	Runs      []contest.Run
}

// teamOf reads the row and the latest runs of the team that the path names.
func (s *site) teamOf(r *http.Request, v view) (standing, []contest.Run, error) {
	slug := contest.Slug(r.PathValue("slug"))
	if !slug.Valid() {
		return standing{}, nil, ErrNotFound
	}
	table, err := s.standings(r, v)
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
	page := teamPage{standing: row, Runs: len(runs)}
	for _, c := range contest.Criteria() {
		verdict, measured := row.Verdicts[c]
		part := criterionPart{Criterion: c, Measured: measured, Verdict: verdict}
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
	return s.render(w, r, "team", frame{Title: teamName(row.Team, shortText), Body: page})
}

type runPage struct {
	RunRecord
	Chart *chart
}

func (s *site) run(w http.ResponseWriter, r *http.Request, v view) error {
	rec, err := s.record(r, v)
	if err != nil {
		return err
	}
	page := runPage{RunRecord: rec}
	if rec.Evidence != nil {
		page.Chart = draw(rec.Evidence.Latency)
	}
	heading := fmt.Sprintf("%s: %s, level %d", teamName(rec.Run.Team, shortText), longTitle(rec.Run.Criterion), rec.Run.LevelNo+1)
	return s.render(w, r, "run", frame{Title: heading, Body: page})
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
