package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Sealed is evidence as it is stored: its canonical JSON, the SHA-256 of that,
// and the SHA-256 of each part by its path ("counts/http_reqs/steady/true",
// "thresholds/<threshold>", "script/sha256", "launch", "latency/p95").
// All hashes are in lower-case hexadecimal.
//
// It is a seal against mistakes and against a hand in the database that does
// not redo the hashes; it is no signature.
type Sealed struct {
	JSON   []byte
	SHA256 string
	Parts  map[string]string
}

// Seal writes evidence canonically and hashes it. Evidence that holds a number
// that is none cannot be sealed.
func Seal(e contest.Evidence) (Sealed, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return Sealed{}, fmt.Errorf("seal evidence of run %s: %w", e.Run, err)
	}
	s := Sealed{JSON: text, SHA256: hash(text)}
	// The parts are those of what a reader will get, which may differ from e in
	// what JSON does not tell apart (no gaps, and an empty list of them).
	read, err := s.Evidence()
	if err != nil {
		return Sealed{}, fmt.Errorf("seal evidence of run %s: %w", e.Run, err)
	}
	if s.Parts, err = partsOf(read); err != nil {
		return Sealed{}, fmt.Errorf("seal evidence of run %s: %w", e.Run, err)
	}
	return s, nil
}

// Evidence reads the sealed evidence back, without checking it.
func (s Sealed) Evidence() (contest.Evidence, error) {
	var e contest.Evidence
	decoder := json.NewDecoder(bytes.NewReader(s.JSON))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		return contest.Evidence{}, fmt.Errorf("read sealed evidence: %w", err)
	}
	return e, nil
}

// Check names, path first, everything that is not as it was sealed. It returns
// nothing when all is well. Parts that were withheld from the text, by their
// paths, are not held against their hashes, and then neither is the whole.
func (s Sealed) Check(withheld ...string) []string {
	e, err := s.Evidence()
	if err != nil {
		return []string{"evidence: " + err.Error()}
	}
	now, err := partsOf(e)
	if err != nil {
		return []string{"evidence: " + err.Error()}
	}
	intact, hidden := hash(s.JSON) == s.SHA256, false
	var found []string
	for path, sum := range now {
		sealed, ok := s.Parts[path]
		switch {
		case ok && sealed == sum:
		case intact && ok:
			found = append(found, path+": its hash was changed, the value was not")
		case intact:
			found = append(found, path+": its hash is missing")
		case ok && slices.Contains(withheld, path):
			hidden = true
		case ok:
			found = append(found, path+": the value was changed")
		default:
			found = append(found, path+": was added")
		}
	}
	for path := range s.Parts {
		if _, ok := now[path]; !ok {
			found = append(found, path+": "+map[bool]string{true: "is a hash of nothing", false: "was removed"}[intact])
		}
	}
	if len(found) == 0 && !intact && !hidden {
		found = append(found, s.wholly(e))
	}
	slices.Sort(found)
	return found
}

// wholly tells a changed hash of the whole from text that says the same in
// other words.
func (s Sealed) wholly(e contest.Evidence) string {
	if canonical, err := json.Marshal(e); err == nil && bytes.Equal(canonical, s.JSON) {
		return "sha256: the hash of the whole was changed, the evidence was not"
	}
	return "evidence: the text was rewritten, its values were not changed"
}

func hash(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// partHashes collects the hash of each part under a path of its own.
type partHashes struct {
	sums map[string]string
	err  error
}

func (p *partHashes) add(value any, path ...string) {
	text, err := json.Marshal(value)
	if err != nil {
		p.err = err
		return
	}
	path = slices.DeleteFunc(path, func(s string) bool { return s == "" })
	name := strings.Join(path, "/")
	for i := 2; ; i++ { // two parts of one name keep their order
		if _, taken := p.sums[name]; !taken {
			break
		}
		name = strings.Join(path, "/") + "#" + strconv.Itoa(i)
	}
	p.sums[name] = hash(text)
}

func partsOf(e contest.Evidence) (map[string]string, error) {
	p := &partHashes{sums: map[string]string{}}
	for name, value := range scalars(e) {
		p.add(value, name)
	}
	p.add(e.Script.Name, "script", "name")
	p.add(e.Script.SHA256, "script", "sha256")
	p.add(e.Script.Scenarios, "script", "scenarios")
	p.add(e.Script.Thresholds, "script", "thresholds")
	for _, t := range e.Thresholds {
		p.add(t, "thresholds", t.Threshold.String())
	}
	for _, c := range e.Counts {
		p.add(c, "counts", c.Name, c.Scenario, c.Label)
	}
	for _, g := range e.Generators {
		p.add(g, "generators", g.Instance)
	}
	for _, q := range e.Queries {
		p.add(q, "queries", q.Name)
	}
	if e.Course != nil { // evidence from before there was one has no hash of it
		p.add(e.Course, "course")
	}
	if l := e.Latency; l != nil {
		latency := map[string]any{
			"samples": l.Samples, "p50": l.P50, "p95": l.P95, "p99": l.P99, "mean": l.Mean, "buckets": l.Buckets,
		}
		for _, name := range slices.Sorted(maps.Keys(latency)) {
			p.add(latency[name], "latency", name)
		}
	}
	return p.sums, p.err
}

func scalars(e contest.Evidence) map[string]any {
	return map[string]any{
		"version": e.Version, "run": e.Run, "testId": e.TestID, "team": e.Team, "criterion": e.Criterion,
		"scenario": e.Scenario, "level": e.Level, "endpoint": e.Endpoint, "window": e.Window,
		"configHash": e.ConfigHash, "preflight": e.Preflight, "launch": e.Launch, "gaps": e.Gaps,
		"ceiling": e.Ceiling,
	}
}
