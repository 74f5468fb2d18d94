package loadgen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/options"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/output"
)

// summarise writes the end-of-test summary: the script's own where it has
// handleSummary, else k6's.
func (e *engine) summarise(ctx context.Context) error {
	s := output.Summary{
		Snapshot: e.agg.Snapshot(), TrendStats: e.options.SummaryTrendStats, TimeUnit: options.Or(e.options.SummaryTimeUnit, ""),
	}
	if e.setup != "" {
		if err := json.Unmarshal([]byte(e.setup), &s.SetupData); err != nil {
			return fmt.Errorf("read setup's data: %w", err)
		}
	}
	err := e.export(s)
	if e.flags.noSummary || e.flags.summaryMode == "disabled" {
		return err
	}
	done, handleErr := e.handleSummary(context.WithoutCancel(ctx), s)
	if handleErr != nil {
		// As in k6, a broken handleSummary changes no exit code.
		e.log.Error("handleSummary() failed, so the usual summary follows", "error", handleErr)
	}
	if done {
		return err
	}
	return errors.Join(err, s.WriteText(e.io.Stdout))
}

func (e *engine) export(s output.Summary) error {
	if e.flags.summaryExport == "" {
		return nil
	}
	text, err := s.Export()
	if err != nil {
		return err
	}
	return writeFile(e.io.path(e.flags.summaryExport), text)
}

// handleSummary calls the script's function of that name and writes what it
// returns: text by file name, stdout and stderr among them.
func (e *engine) handleSummary(ctx context.Context, s output.Summary) (done bool, err error) {
	data, err := json.Marshal(s.Data())
	if err != nil {
		return false, err
	}
	limit := options.Or(e.options.HandleSummaryTimeout, 2*time.Minute)
	text, err := e.runAlone(ctx, "handleSummary", limit, string(data))
	if err != nil || text == "" {
		return false, err
	}
	var files map[string]any
	if err := json.Unmarshal([]byte(text), &files); err != nil {
		return false, fmt.Errorf("want an object of texts by file name: %w", err)
	}
	for name, content := range files {
		text, ok := content.(string)
		switch {
		case !ok:
			err = errors.Join(err, fmt.Errorf("the content for %s is not text", name))
		case name == "stdout":
			_, printErr := fmt.Fprint(e.io.Stdout, text)
			err = errors.Join(err, printErr)
		case name == "stderr":
			_, printErr := fmt.Fprint(e.io.Stderr, text)
			err = errors.Join(err, printErr)
		default:
			err = errors.Join(err, writeFile(e.io.path(name), []byte(text)))
		}
	}
	return true, err
}

func writeFile(path string, text []byte) error {
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}
