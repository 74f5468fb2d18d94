package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/conduct"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// watch shows on a terminal, a line per run under way, how far each has come;
// elsewhere it writes a plain line per run every few seconds. Judged runs leave
// a line of their own in both.
type watch struct {
	out      io.Writer
	terminal bool
	live     *conduct.Live
	store    *store.Store
	told     map[contest.RunID]bool
	drawn    int // lines that the next frame draws over
}

const (
	frameOnTerminal = 500 * time.Millisecond
	frameElsewhere  = 5 * time.Second
)

func newWatch(out world, w *works) *watch {
	return &watch{out: out.Stderr, terminal: out.Terminal, live: w.line.Live(), store: w.store, told: map[contest.RunID]bool{}}
}

// start shows until the returned function is called; that waits for the last
// frame and may be called twice.
func (v *watch) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	v.tellOf(ctx, false) // what was judged before is no news
	done.Go(func() { v.loop(ctx) })
	return func() {
		cancel()
		done.Wait()
	}
}

func (v *watch) loop(ctx context.Context) {
	every := frameElsewhere
	if v.terminal {
		every = frameOnTerminal
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			v.wipe()
			v.tellOf(context.WithoutCancel(ctx), true)
			return
		case <-t.C:
			v.wipe()
			v.tellOf(ctx, true)
			v.frame()
		}
	}
}

// wipe moves the cursor back over the last frame.
func (v *watch) wipe() {
	if v.terminal && v.drawn > 0 {
		fmt.Fprintf(v.out, "\x1b[%dA\x1b[J", v.drawn)
	}
	v.drawn = 0
}

func (v *watch) frame() {
	for _, r := range v.live.Runs() {
		fmt.Fprintln(v.out, progressLine(r))
		v.drawn++
	}
}

func progressLine(r conduct.LiveRun) string {
	p := r.Progress
	return fmt.Sprintf("  %-12s %-9s %6d users  %5s/%-5s %7.1f req/s  p95 %6.0f ms  %d failed",
		r.Run.Team.Slug, r.Run.Scenario, r.Run.Level.Users,
		p.Elapsed.D().Round(time.Second), p.Planned.D().Round(time.Second), p.RPS, p.P95, p.Failures)
}

// tellOf writes a line for each newly judged run.
func (v *watch) tellOf(ctx context.Context, aloud bool) {
	runs, err := v.store.Runs(ctx, store.RunFilter{Limit: 200})
	if err != nil {
		return // the pages and the log tell of a broken state; a frame need not
	}
	for i := len(runs) - 1; i >= 0; i-- {
		r := runs[i]
		if r.State != contest.RunJudged || v.told[r.ID] {
			continue
		}
		v.told[r.ID] = true
		if aloud {
			fmt.Fprintf(v.out, "%-7s %-12s %-9s %6d users  %s\n",
				strings.ToUpper(string(r.Outcome)), r.Team.Slug, r.Scenario, r.Level.Users, v.reason(ctx, r))
		}
	}
}

// reason says what decided a run; nothing is to be said of a passed one.
func (v *watch) reason(ctx context.Context, r contest.Run) string {
	j, err := v.store.RunVerdict(ctx, r.ID)
	if err != nil || r.Outcome == contest.OutcomePassed {
		return ""
	}
	return reason(j.Verdict)
}

// reason is the sentence of the first rule that decided. Where that rule has
// several such findings the last one counts: the cause follows the count.
func reason(v contest.RunVerdict) (sentence string) {
	rule := ""
	for _, f := range v.Findings {
		if f.Outcome == v.Outcome && (rule == "" || f.Rule == rule) {
			rule, sentence = f.Rule, f.Sentence
		}
	}
	return sentence
}
