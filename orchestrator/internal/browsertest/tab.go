//go:build browser

package browsertest

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const patience = 25 * time.Minute // that a test has with its tab

// Tab is a tab of a Chromium of the test's own.
type Tab struct {
	context.Context
	t *testing.T
}

// Open opens a Chromium, in English, until the test ends.
func Open(t *testing.T) Tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.Flag("lang", "en"))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	tab, shut := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		assert.NoError(t, chromedp.Cancel(tab))
		shut()
		stop()
		cancel()
	})
	return Tab{tab, t}
}

// Do takes steps in the tab.
func (b Tab) Do(steps ...chromedp.Action) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Run(b, steps...))
}

// Script runs a script whose answer is of no interest.
func Script(script string) chromedp.Action { return chromedp.Evaluate(script, nil) }

// Eval is what a script answers.
func Eval[T any](b Tab, script string, options ...chromedp.EvaluateOption) (value T) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Run(b, chromedp.Evaluate(script, &value, options...)), script)
	return value
}

// Becomes waits until a script answers true.
func (b Tab) Becomes(script string, within time.Duration) {
	b.t.Helper()
	require.NoError(b.t, chromedp.Run(b, chromedp.Poll(script, nil, chromedp.WithPollingInterval(100*time.Millisecond), chromedp.WithPollingTimeout(within))), script)
}
