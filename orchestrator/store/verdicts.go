package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// SealedEvidence is a run's evidence with the hashes that show tampering.
type SealedEvidence struct {
	JSON   []byte
	SHA256 string
	Parts  map[string]string
}

// RunJudgement is a run's verdict beside the rules it was judged by.
type RunJudgement struct {
	Verdict        contest.RunVerdict
	SHA256         string // of the stored verdict
	Rules          json.RawMessage
	RulesSHA256    string
	EvidenceSHA256 string // of the evidence it was derived from
}

// Hash is how the store fingerprints a document.
func Hash(doc []byte) string {
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:])
}

// InsertEvidence writes a run's evidence. Evidence is immutable: a second
// write fails.
func (tx *Tx) InsertEvidence(ctx context.Context, id contest.RunID, e SealedEvidence) error {
	parts, err := encode(e.Parts)
	if err != nil {
		return err
	}
	_, err = tx.SQL.ExecContext(ctx, `INSERT INTO evidence (run_id, doc, sha256, parts) VALUES (?, ?, ?, ?)`,
		id, string(e.JSON), e.SHA256, parts)
	return wrap("insert evidence of run "+string(id), err)
}

// InsertRunVerdict writes a run's verdict, its rules and the hash of the
// evidence that it was derived from.
func (tx *Tx) InsertRunVerdict(ctx context.Context, id contest.RunID, v contest.RunVerdict, rules json.RawMessage, evidenceSHA256 string) error {
	doc, err := encode(v)
	if err != nil {
		return err
	}
	_, err = tx.SQL.ExecContext(ctx, `INSERT INTO run_verdicts (run_id, doc, sha256, rules, rules_sha256, evidence_sha256)
		VALUES (?, ?, ?, ?, ?, ?)`, id, doc, Hash([]byte(doc)), string(rules), Hash(rules), evidenceSHA256)
	return wrap("insert verdict of run "+string(id), err)
}

// Evidence returns a run's evidence as it is stored, or ErrNotFound.
func (s *Store) Evidence(ctx context.Context, id contest.RunID) (SealedEvidence, error) {
	return evidenceOf(ctx, s.read, id)
}

func evidenceOf(ctx context.Context, q querier, id contest.RunID) (SealedEvidence, error) {
	var doc, parts string
	var e SealedEvidence
	err := q.QueryRowContext(ctx, `SELECT doc, sha256, parts FROM evidence WHERE run_id = ?`, id).Scan(&doc, &e.SHA256, &parts)
	if err != nil {
		return e, fmt.Errorf("read evidence of run %s: %w", id, notFound(err))
	}
	e.JSON = []byte(doc)
	e.Parts, err = decode[map[string]string](parts)
	return e, err
}

// RunVerdict returns a run's verdict as it is stored, or ErrNotFound.
func (s *Store) RunVerdict(ctx context.Context, id contest.RunID) (RunJudgement, error) {
	return runVerdictOf(ctx, s.read, id)
}

func runVerdictOf(ctx context.Context, q querier, id contest.RunID) (RunJudgement, error) {
	var doc, rules string
	var j RunJudgement
	err := q.QueryRowContext(ctx, `SELECT doc, sha256, rules, rules_sha256, evidence_sha256 FROM run_verdicts WHERE run_id = ?`, id).
		Scan(&doc, &j.SHA256, &rules, &j.RulesSHA256, &j.EvidenceSHA256)
	if err != nil {
		return j, fmt.Errorf("read verdict of run %s: %w", id, notFound(err))
	}
	j.Rules = json.RawMessage(rules)
	if Hash([]byte(doc)) != j.SHA256 {
		// A changed document may not even decode; explain tells of the hash first.
		j.Verdict, _ = decode[contest.RunVerdict](doc)
		return j, nil
	}
	j.Verdict, err = decode[contest.RunVerdict](doc)
	return j, err
}

// VerdictHash returns the hash of the verdict document as it is stored now.
func (s *Store) VerdictHash(ctx context.Context, id contest.RunID) (string, error) {
	var doc string
	err := s.read.QueryRowContext(ctx, `SELECT doc FROM run_verdicts WHERE run_id = ?`, id).Scan(&doc)
	return Hash([]byte(doc)), wrap("read verdict of run "+string(id), notFound(err))
}

// JudgedRun is a judged run with its evidence and verdict.
type JudgedRun struct {
	Run      contest.Run
	Evidence contest.Evidence
	Verdict  contest.RunVerdict
}

// Judged returns the judged runs of a climb in the order of its ladder.
func (tx *Tx) Judged(ctx context.Context, id contest.ClimbID) ([]JudgedRun, error) {
	return judgedOf(ctx, tx.SQL, id)
}

// Judged returns the judged runs of a climb in the order of its ladder.
func (s *Store) Judged(ctx context.Context, id contest.ClimbID) ([]JudgedRun, error) {
	return judgedOf(ctx, s.read, id)
}

func judgedOf(ctx context.Context, q querier, id contest.ClimbID) ([]JudgedRun, error) {
	runs, err := climbRuns(ctx, q, id)
	if err != nil {
		return nil, err
	}
	var all []JudgedRun
	for _, r := range runs {
		if r.State != contest.RunJudged {
			continue
		}
		e, err := evidenceOf(ctx, q, r.ID)
		if err != nil {
			return nil, err
		}
		ev, err := decode[contest.Evidence](string(e.JSON))
		if err != nil {
			return nil, err
		}
		j, err := runVerdictOf(ctx, q, r.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, JudgedRun{Run: r.Run, Evidence: ev, Verdict: j.Verdict})
	}
	return all, nil
}

// InsertVerdict writes a team's verdict in a criterion. published tells
// whether it also went to the outbox.
func (tx *Tx) InsertVerdict(ctx context.Context, v contest.Verdict, published bool) error {
	return tx.insertVerdict(ctx, v, v.At, published)
}

// InsertStanding writes a verdict that also went to the outbox. It is the newest
// of its team and criterion from since on, whenever it was reached: one of
// before may stand again.
func (tx *Tx) InsertStanding(ctx context.Context, v contest.Verdict, since time.Time) error {
	return tx.insertVerdict(ctx, v, since, true)
}

func (tx *Tx) insertVerdict(ctx context.Context, v contest.Verdict, since time.Time, published bool) error {
	doc, err := encode(v)
	if err != nil {
		return err
	}
	_, err = tx.SQL.ExecContext(ctx, `INSERT INTO verdicts (seq, slug, criterion, at, round_id, climb_id, published, doc)
		SELECT coalesce(max(seq), 0) + 1, ?, ?, ?, ?, ?, ?, ? FROM verdicts`,
		v.Team.Slug, v.Criterion, millis(since), v.Round, v.Climb, flag(published), doc)
	return wrap("insert verdict", err)
}

// HasPublished reports whether a verdict of the team and criterion has ever
// gone to the outbox.
func (tx *Tx) HasPublished(ctx context.Context, team contest.Slug, c contest.Criterion) (bool, error) {
	var n int
	err := tx.SQL.QueryRowContext(ctx, `SELECT count(*) FROM outbox WHERE slug = ? AND criterion = ?`, team, c).Scan(&n)
	return n > 0, wrap("read outbox", err)
}
