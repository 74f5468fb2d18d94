package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/evidence"
	"github.com/hackload-kz/hackload/orchestrator/store"
	"github.com/hackload-kz/hackload/orchestrator/web"
)

// mostDownload bounds the file of one run, in bytes.
const mostDownload = 64 << 20

// isFile reports whether an argument names a file: the id of a run never does.
func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular() && !contest.TestID(name).Valid()
}

// explainFile explains a run that was downloaded from its page, from the file
// alone.
func explainFile(out io.Writer, name string) error {
	d, err := readDownload(name)
	if err != nil {
		return usage(err, "Download the record from the run's page, and give the file as it is.")
	}
	x, err := examineDownload(d)
	if err != nil {
		return usage(fmt.Errorf("%s: %w", name, err), "Download the record from the run's page again.")
	}
	x.print(out)
	if len(x.problems) > 0 {
		return &exit{code: exitFailed}
	}
	return nil
}

func readDownload(name string) (web.Download, error) {
	f, err := os.Open(name)
	if err != nil {
		return web.Download{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostDownload+1))
	if err != nil {
		return web.Download{}, fmt.Errorf("read %s: %w", name, err)
	}
	if len(text) > mostDownload {
		return web.Download{}, fmt.Errorf("%s is over %d bytes: it is not the record of one run", name, mostDownload)
	}
	var d web.Download
	if err := json.Unmarshal(text, &d); err != nil {
		return d, fmt.Errorf("%s is not the record of a run: %w", name, err)
	}
	if len(d.Evidence) == 0 || len(d.Verdict) == 0 {
		return d, fmt.Errorf("%s is not the record of a run: it has no evidence or no verdict", name)
	}
	if d.SchemaVersion != web.SchemaVersion {
		return d, fmt.Errorf("%s is of schema version %d, this program reads %d", name, d.SchemaVersion, web.SchemaVersion)
	}
	return d, nil
}

// examineDownload checks all that a file tells of a run.
func examineDownload(d web.Download) (examination, error) {
	var x examination
	var texts [3][]byte
	for i, raw := range []json.RawMessage{d.Evidence, d.Rules, d.Verdict} {
		text, err := compact(raw)
		if err != nil {
			return x, err
		}
		texts[i] = text
	}
	x.sealed = store.SealedEvidence{JSON: texts[0], SHA256: d.EvidenceSHA256, Parts: d.Parts}
	x.judged = store.RunJudgement{SHA256: d.VerdictSHA256, Rules: texts[1], RulesSHA256: d.RulesSHA256, EvidenceSHA256: d.EvidenceSHA256}
	if err := json.Unmarshal(texts[2], &x.judged.Verdict); err != nil {
		return x, fmt.Errorf("read the verdict: %w", err)
	}
	e, err := evidence.Sealed(x.sealed).Evidence()
	if err != nil {
		return x, err
	}
	x.run = contest.Run{
		ID: d.Run, TestID: e.TestID, Team: contest.Team{Slug: e.Team}, Criterion: e.Criterion, Scenario: e.Scenario,
		LevelNo: d.LevelNo, Level: e.Level, Outcome: x.judged.Verdict.Outcome,
	}
	if slices.Contains(d.Withheld, web.PartEndpoint) && e.Endpoint == "" {
		x.withheld = []string{web.PartEndpoint} // nothing else may be left out, and that only wholly
	}
	x.check(store.Hash(texts[2]))
	return x, nil
}

// compact is the text that a hash was taken of, also where a program has laid
// it out anew; nothing for null.
func compact(raw json.RawMessage) ([]byte, error) {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil, nil
	}
	var text bytes.Buffer
	if err := json.Compact(&text, raw); err != nil {
		return nil, errors.New("it is not valid JSON")
	}
	return text.Bytes(), nil
}
