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
	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

// summarise writes the end-of-test summary: the script's own where it has
// handleSummary, else k6's.
func (e *engine) summarise(ctx context.Context) error {
	s := output.Summary{
		Snapshot: e.agg.Snapshot(), TrendStats: e.options.SummaryTrendStats, TimeUnit: options.Or(e.options.SummaryTimeUnit, ""),
		Written: e.options.Written,
	}
	if e.setup != "" {
		s.SetupData = json.RawMessage(e.setup)
	}
	err := e.export(s)
	if e.flags.noSummary || e.flags.summaryMode == "disabled" {
		return err
	}
	done, handleErr := e.handleSummary(context.WithoutCancel(ctx), s)
	switch { // As in k6, a broken handleSummary changes no exit code.
	case done && handleErr != nil:
		e.log.Error("not all that handleSummary() returned could be written", "error", handleErr)
	case handleErr != nil:
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
// returns. What cannot be written does not hold up the rest.
func (e *engine) handleSummary(ctx context.Context, s output.Summary) (done bool, err error) {
	data, err := json.Marshal(s.Data())
	if err != nil {
		return false, err
	}
	limit := options.Or(e.options.HandleSummaryTimeout, 2*time.Minute)
	var files map[string][]byte
	err = e.alone(ctx, limit, func(ctx context.Context, vm *script.VM) (err error) {
		files, err = vm.Summarise(ctx, string(data))
		return err
	})
	for name, content := range files {
		err = errors.Join(err, e.put(name, content))
	}
	return files != nil, err
}

// put writes what handleSummary wants under a name.
func (e *engine) put(name string, content []byte) error {
	switch name {
	case "stdout":
		_, err := e.io.Stdout.Write(content)
		return err
	case "stderr":
		_, err := e.io.Stderr.Write(content)
		return err
	}
	return writeFile(e.io.path(name), content)
}

func writeFile(path string, text []byte) error {
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}
