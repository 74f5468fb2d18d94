package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// SchemaVersion is the version of the JSON API's answers. It is raised when a
// field changes its meaning or goes away, not when one is added.
const SchemaVersion = 1

// teamRuns is how many of a team's runs its page and its JSON list.
const teamRuns = 60

type (
	resultsJSON struct {
		SchemaVersion int                 `json:"schemaVersion"`
		UpdatedAt     *time.Time          `json:"updatedAt"`
		FrozenAt      *time.Time          `json:"frozenAt"`
		Criteria      []contest.Criterion `json:"criteria"`
		Teams         []standingJSON      `json:"teams"`
	}
	standingJSON struct {
		Rank     int                               `json:"rank"`
		Tied     bool                              `json:"tied"`
		Slug     contest.Slug                      `json:"slug"`
		Name     string                            `json:"name"`
		Total    int                               `json:"total"`
		URL      string                            `json:"url"`
		Criteria map[contest.Criterion]verdictJSON `json:"criteria"`
	}
	verdictJSON struct {
		Status   contest.Status    `json:"status"`
		Score    int               `json:"score"`
		Invalid  bool              `json:"invalid"`
		At       time.Time         `json:"at"`
		Metrics  map[string]any    `json:"metrics"`
		Findings []contest.Finding `json:"findings,omitempty"`
		Runs     []contest.RunID   `json:"runs,omitempty"`
	}
	teamJSON struct {
		SchemaVersion int `json:"schemaVersion"`
		standingJSON
		Notes []string  `json:"notes,omitempty"`
		Runs  []runJSON `json:"latestRuns"`
	}
	runJSON struct {
		ID         contest.RunID     `json:"id"`
		TestID     contest.TestID    `json:"testId,omitempty"`
		Team       contest.Slug      `json:"team"`
		Criterion  contest.Criterion `json:"criterion"`
		Scenario   string            `json:"scenario"`
		LevelNo    int               `json:"levelNo"`
		Level      contest.Level     `json:"level"`
		Repeat     int               `json:"repeat"`
		Retry      int               `json:"retry"`
		State      contest.RunState  `json:"state"`
		Outcome    contest.Outcome   `json:"outcome,omitempty"`
		PlannedAt  time.Time         `json:"plannedAt"`
		LaunchedAt *time.Time        `json:"launchedAt"`
		EndedAt    *time.Time        `json:"endedAt"`
		JudgedAt   *time.Time        `json:"judgedAt"`
		URL        string            `json:"url"`
	}
	recordJSON struct {
		SchemaVersion int `json:"schemaVersion"`
		runJSON
		Verdict        *contest.RunVerdict `json:"verdict"`
		EvidenceURL    string              `json:"evidenceUrl,omitempty"`
		EvidenceSHA256 string              `json:"evidenceSha256,omitempty"`
	}
)

func (s *site) apiResults(w http.ResponseWriter, r *http.Request, v view) error {
	table, err := s.standings(r.Context(), v)
	if err != nil {
		return err
	}
	body := resultsJSON{SchemaVersion: SchemaVersion, UpdatedAt: utc(&table.Updated), FrozenAt: utc(&v.until), Criteria: table.Criteria, Teams: []standingJSON{}}
	for _, row := range table.Rows {
		out := s.standingJSON(row)
		for c, v := range out.Criteria {
			v.Findings, v.Runs = nil, nil
			out.Criteria[c] = v
		}
		body.Teams = append(body.Teams, out)
	}
	return sendJSON(w, r, body)
}

func (s *site) apiTeam(w http.ResponseWriter, r *http.Request, v view) error {
	row, runs, err := s.teamOf(r, v)
	if err != nil {
		return err
	}
	body := teamJSON{SchemaVersion: SchemaVersion, standingJSON: s.standingJSON(row), Notes: row.Team.Notes, Runs: []runJSON{}}
	for _, run := range runs {
		body.Runs = append(body.Runs, s.runJSON(run))
	}
	return sendJSON(w, r, body)
}

func (s *site) apiRun(w http.ResponseWriter, r *http.Request, v view) error {
	rec, err := s.record(r, v)
	if err != nil {
		return err
	}
	body := recordJSON{SchemaVersion: SchemaVersion, runJSON: s.runJSON(rec.Run), Verdict: rec.Verdict}
	if rec.Evidence != nil {
		body.EvidenceURL = s.PublicURL + "/api/v1/runs/" + string(rec.Run.ID) + "/evidence"
		body.EvidenceSHA256 = rec.EvidenceSHA256
	}
	return sendJSON(w, r, body)
}

// apiEvidence hands out the evidence: to organisers as it is stored, so that its
// digest is the one on the run's page unless it was changed after it had been
// judged; to everybody without the address of the team's service. The digest is
// taken of the very bytes that are sent.
func (s *site) apiEvidence(w http.ResponseWriter, r *http.Request, v view) error {
	rec, err := s.record(r, v)
	if err != nil {
		return err
	}
	if rec.Evidence == nil {
		return ErrNotFound
	}
	body := rec.EvidenceJSON
	if !v.organiser {
		public := *rec.Evidence
		public.Endpoint = ""
		if body, err = json.Marshal(public); err != nil {
			return fmt.Errorf("encode evidence of run %s: %w", rec.Run.ID, err)
		}
	}
	sum := sha256.Sum256(body)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Disposition", `attachment; filename="evidence-`+string(rec.Run.ID)+`.json"`)
	h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
	h.Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	return nil
}

func (s *site) standingJSON(row standing) standingJSON {
	out := standingJSON{
		Rank: row.Rank, Tied: row.Tied, Slug: row.Team.Slug, Name: row.Team.Name, Total: row.Total,
		URL: s.PublicURL + "/teams/" + string(row.Team.Slug), Criteria: map[contest.Criterion]verdictJSON{},
	}
	for c, v := range row.Verdicts {
		out.Criteria[c] = verdictJSON{
			Status: v.Status, Score: v.Score, Invalid: v.Invalid, At: v.At.UTC(),
			Metrics: publicMetrics(v), Findings: v.Findings, Runs: v.Runs,
		}
	}
	return out
}

func (s *site) runJSON(r contest.Run) runJSON {
	return runJSON{
		ID: r.ID, TestID: r.TestID, Team: r.Team.Slug, Criterion: r.Criterion, Scenario: r.Scenario,
		LevelNo: r.LevelNo, Level: r.Level, Repeat: r.Repeat, Retry: r.Retry, State: r.State, Outcome: r.Outcome,
		PlannedAt: r.PlannedAt.UTC(), LaunchedAt: utc(r.LaunchedAt), EndedAt: utc(r.EndedAt), JudgedAt: utc(r.JudgedAt),
		URL: s.PublicURL + "/runs/" + string(r.ID),
	}
}

// publicMetrics leaves out what is the team's own affair: where its service
// and its code are, and what its endpoints answered.
func publicMetrics(v contest.Verdict) map[string]any {
	public := maps.Clone(v.Metrics)
	if public == nil {
		public = map[string]any{}
	}
	for _, key := range []string{"endpointUrl", "repositoryUrl", "endpointResults"} {
		delete(public, key)
	}
	if service, err := contest.FindService(string(v.Criterion)); err != nil || !service.Load() {
		delete(public, "confirmationUrl") // of these criteria it is the team's own URL
	}
	return public
}

func (s *site) errorJSON(w http.ResponseWriter, _ *http.Request, code int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	hint := "The server's log says more."
	if code == http.StatusNotFound {
		hint = "GET /api/v1/openapi.json tells what there is."
	}
	fmt.Fprintf(w, "{\"error\":%q,\"hint\":%q}\n", http.StatusText(code), hint)
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
