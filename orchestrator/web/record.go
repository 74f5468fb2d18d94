package web

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Download is a judged run as anyone may take it away: enough to check every
// hash and to derive the verdict again without asking anyone. Evidence, rules
// and verdict are the very text that the hashes (SHA-256, lower-case hex) were
// taken of, but for what is withheld.
type Download struct {
	SchemaVersion  int               `json:"schemaVersion"`
	Run            contest.RunID     `json:"run"`
	LevelNo        int               `json:"levelNo"`
	Verdict        json.RawMessage   `json:"verdict"`
	VerdictSHA256  string            `json:"verdictSha256"`
	Rules          json.RawMessage   `json:"rules"`
	RulesSHA256    string            `json:"rulesSha256"`
	Evidence       json.RawMessage   `json:"evidence"`
	EvidenceSHA256 string            `json:"evidenceSha256"`
	Parts          map[string]string `json:"parts"`              // hash of each part of the evidence, by its path
	Withheld       []string          `json:"withheld,omitempty"` // parts that are empty here, and were not
}

// PartEndpoint is the part of evidence that is the team's own affair.
const PartEndpoint = "endpoint"

// download hands out a judged run: to organisers whole, to everybody without the
// address of the team's service.
func (s *site) download(w http.ResponseWriter, r *http.Request, v view) error {
	rec, err := s.record(r, v)
	if err != nil {
		return err
	}
	if rec.Evidence == nil || rec.Verdict == nil {
		return ErrNotFound
	}
	d := Download{
		SchemaVersion: SchemaVersion, Run: rec.Run.ID, LevelNo: rec.Run.LevelNo,
		VerdictSHA256: rec.VerdictSHA256, Rules: rec.Rules, RulesSHA256: rec.RulesSHA256,
		Evidence: rec.EvidenceJSON, EvidenceSHA256: rec.EvidenceSHA256, Parts: rec.EvidenceParts,
	}
	if d.Verdict, err = json.Marshal(rec.Verdict); err != nil {
		return fmt.Errorf("encode verdict of run %s: %w", rec.Run.ID, err)
	}
	if !v.organiser && rec.Evidence.Endpoint != "" {
		public := *rec.Evidence
		public.Endpoint, d.Withheld = "", []string{PartEndpoint}
		if d.Evidence, err = json.Marshal(public); err != nil {
			return fmt.Errorf("encode evidence of run %s: %w", rec.Run.ID, err)
		}
	}
	body, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode run %s: %w", rec.Run.ID, err)
	}
	h := w.Header()
	h.Set("Content-Disposition", `attachment; filename="run-`+string(rec.Run.ID)+`.json"`)
	send(w, r, content{code: http.StatusOK, kind: "application/json", body: body})
	return nil
}
