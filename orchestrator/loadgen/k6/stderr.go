package k6

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
)

// stderrWatch passes on what k6 logs, and takes from it what k6 tells in no
// other way.
type stderrWatch struct {
	words   string // of the last error
	aborted bool   // a threshold with abortOnFail ended the test
	lost    int    // flushes of metrics
}

const longestLine = 64 << 10 // bytes of a line that are looked at

// copy returns at the end of from.
func (w *stderrWatch) copy(to io.Writer, from io.Reader) {
	lines := bufio.NewReaderSize(from, longestLine)
	for cut := false; ; {
		line, err := lines.ReadSlice('\n')
		_, _ = to.Write(line) // a full disk must not stop k6
		if !cut {
			w.look(string(bytes.TrimSpace(line)))
		}
		cut = errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !cut {
			return
		}
	}
}

// look reads a line of k6's log, time="…" level=error msg="…", or one of our
// own generator's.
func (w *stderrWatch) look(line string) {
	if own, ok := strings.CutPrefix(line, "loadgen: "); ok {
		w.words = own
		w.aborted = w.aborted || strings.Contains(own, "abortOnFail failed")
		return
	}
	text, ok := launch.K6Error(line)
	if !ok {
		return
	}
	switch {
	case strings.HasPrefix(text, "Failed to send the time series data"):
		w.lost++
		return
	case strings.Contains(text, "abortOnFail enabled, stopping test prematurely"):
		w.aborted = true
	}
	first, _, _ := strings.Cut(text, "\n")
	w.words = first
}
