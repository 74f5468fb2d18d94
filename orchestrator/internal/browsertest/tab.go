//go:build browser

package browsertest

import (
	"context"
	"time"

	"github.com/chromedp/chromedp"
)

const patience = 25 * time.Minute // that a test has with its tab

// Open opens a tab of a Chromium of its own, in English. shut closes both, and
// returns what went wrong with that.
func Open(ctx context.Context) (tab context.Context, shut func() error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.Flag("lang", "en"))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	tab, closeTab := chromedp.NewContext(ctx)
	return tab, func() error {
		err := chromedp.Cancel(tab)
		closeTab()
		stop()
		cancel()
		return err
	}
}
