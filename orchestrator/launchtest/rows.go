package launchtest

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// all is one exit code for each generator.
func (c *candidate) all(code int) []int {
	codes := make([]int, c.Generators)
	for i := range codes {
		codes[i] = code
	}
	return codes
}

func (c *candidate) unknown() {
	status, err := c.Status(c.t.Context(), c.id)
	require.NoError(c.t, err)
	require.Equal(c.t, contest.LaunchStatus{State: contest.LaunchGone}, status)
	require.NoError(c.t, c.Stop(c.t.Context(), c.id), "there is nothing to stop")
}

func (c *candidate) finishes() {
	c.start("finish")
	r := c.done()
	require.Equal(c.t, c.all(0), r.ExitCodes)
	require.Empty(c.t, r.Trouble)
	require.Empty(c.t, r.Unusable)
	require.False(c.t, r.Aborted)
	ids, err := c.List(c.t.Context())
	require.NoError(c.t, err)
	require.Contains(c.t, ids, c.id)
	require.NoError(c.t, c.Stop(c.t.Context(), c.id), "what has ended is not stopped")
	require.Equal(c.t, r, c.done(), "and told the same ever after")
}

func (c *candidate) startedByMany() {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { assert.NoError(c.t, c.Start(c.t.Context(), c.order("run"))) })
	}
	wg.Wait()
	c.working()
	require.Equal(c.t, c.Generators, c.Working(c.t, c.id))
	require.NoError(c.t, c.Stop(c.t.Context(), c.id))
	ended := c.done()
	c.start("run")
	require.Zero(c.t, c.Working(c.t, c.id), "an ended launch is left as it is")
	require.Equal(c.t, ended, c.done())
}

func (c *candidate) progress() {
	c.start("run")
	before := c.working().Progress
	require.Positive(c.t, before.VUs)
	c.until("going on", func(s contest.LaunchStatus) bool { return s.Progress.Elapsed > before.Elapsed })
}

func (c *candidate) keepsSecrets() {
	c.start("run")
	c.working()
	public := c.Public(c.t, c.id)
	require.NotEmpty(c.t, public)
	require.NotContains(c.t, public, canary)
}

// A new launcher, after the first was killed or restarted, goes on as the first
// would have.
func (c *candidate) adopted() {
	c.start("run")
	c.working()
	c.Launcher.Close()
	c.Launcher = c.open()
	ids, err := c.List(c.t.Context())
	require.NoError(c.t, err)
	require.Contains(c.t, ids, c.id)
	c.working()
	c.start("run")
	require.Equal(c.t, c.Generators, c.Working(c.t, c.id), "what runs is not started again")
	require.NoError(c.t, c.Stop(c.t.Context(), c.id))
	require.Zero(c.t, c.Working(c.t, c.id))
	require.Regexp(c.t, `was stopped on request after \d+ s`, c.done().Trouble)
}

func (c *candidate) endedUnseen() {
	c.start("lost")
	c.Launcher.Close()
	require.Eventually(c.t, func() bool { return c.Working(c.t, c.id) == 0 }, c.Patience, 20*time.Millisecond)
	c.Launcher = c.open()
	r := c.done()
	require.Equal(c.t, c.all(99), r.ExitCodes)
	require.Empty(c.t, r.Trouble)
}

func (c *candidate) stopped() {
	c.start("run")
	c.working()
	require.NoError(c.t, c.Stop(c.t.Context(), c.id))
	require.Zero(c.t, c.Working(c.t, c.id))
	r := c.done()
	require.Equal(c.t, c.all(105), r.ExitCodes)
	require.Regexp(c.t, `was stopped on request after \d+ s$`, r.Trouble)
	require.NotEmpty(c.t, c.Left(c.t, c.id), "stopping leaves what there is to look at")
	require.NoError(c.t, c.Stop(c.t.Context(), c.id))
}

func (c *candidate) deaf() {
	c.start("deaf")
	c.working()
	require.NoError(c.t, c.Stop(c.t.Context(), c.id))
	require.Zero(c.t, c.Working(c.t, c.id))
	r := c.done()
	require.Equal(c.t, c.all(-1), r.ExitCodes)
	require.Regexp(c.t, `was stopped on request after \d+ s, and had to be killed$`, r.Trouble)
}

func (c *candidate) impatient() {
	c.start("run")
	c.working()
	ctx, cancel := context.WithCancel(c.t.Context())
	cancel()
	require.ErrorIs(c.t, c.Stop(ctx, c.id), context.Canceled)
	_, err := c.Status(ctx, c.id)
	require.ErrorIs(c.t, err, context.Canceled)
	_, err = c.List(ctx)
	require.ErrorIs(c.t, err, context.Canceled)
}

func (c *candidate) timeout() {
	order := c.order("run")
	order.Timeout = contest.Duration(c.Timeout)
	require.NoError(c.t, c.Start(c.t.Context(), order))
	require.Regexp(c.t, `was stopped by its timeout after \d+ s`, c.done().Trouble)
	require.Zero(c.t, c.Working(c.t, c.id))
}

func (c *candidate) killed() {
	c.start("run")
	c.working()
	c.Kill(c.t, c.id)
	r := c.done()
	require.Contains(c.t, r.ExitCodes, -1)
	require.Regexp(c.t, `^generator \d+ of \d+ was killed after \d+ s`, r.Trouble)
	require.Eventually(c.t, func() bool { return c.Working(c.t, c.id) == 0 }, c.Patience, 20*time.Millisecond, "the others are left alone")
}

func (c *candidate) removed() {
	c.start("run")
	c.working()
	require.NoError(c.t, c.Remove(c.t.Context(), c.id))
	require.Zero(c.t, c.Working(c.t, c.id))
}

func (c *candidate) lost() {
	c.start("lost")
	r := c.done()
	require.Equal(c.t, c.all(99), r.ExitCodes)
	require.Empty(c.t, r.Trouble, "a lost threshold is a result")
	require.Empty(c.t, r.Unusable)
	require.False(c.t, r.Aborted)
}

func (c *candidate) crossed() {
	c.start("crossed")
	r := c.done()
	require.Equal(c.t, c.all(99), r.ExitCodes)
	require.Empty(c.t, r.Trouble)
	require.True(c.t, r.Aborted)
}

func (c *candidate) aborted() {
	c.start("aborted")
	r := c.done()
	require.Equal(c.t, c.all(108), r.ExitCodes)
	require.Empty(c.t, r.Trouble)
	require.Empty(c.t, r.Unusable)
}

func (c *candidate) thrown() {
	c.start("thrown")
	r := c.done()
	require.Empty(c.t, r.Trouble, "it is the script's fault")
	require.Regexp(c.t, `met an exception in the script after \d+ s: .*there are no users`, r.Unusable)
}

func (c *candidate) broken() {
	c.start("broken")
	r := c.done()
	require.Empty(c.t, r.Trouble, "it is the script's fault")
	require.Contains(c.t, r.Unusable, "broken.js")
}

// What cannot be launched is refused before anything is there.
func (c *candidate) refused() {
	for _, row := range []struct {
		name   string
		change func(*contest.Launch)
		want   string
	}{
		{"testid that leads elsewhere", func(o *contest.Launch) { o.TestID = "../x" }, `testid "../x" is not valid`},
		{"no testid", func(o *contest.Launch) { o.TestID = "" }, "is not valid"},
		{"team", func(o *contest.Launch) { o.Team = "a b" }, `team "a b" is not valid`},
		{"scenario that leads elsewhere", func(o *contest.Launch) { o.Scenario = "../../etc/x" }, "is not a script's name"},
		{"unknown scenario", func(o *contest.Launch) { o.Scenario = "typo" }, "there is no scenario typo"},
		{"name of a variable", func(o *contest.Launch) { o.Env["A=B"] = "" }, `variable "A=B" cannot be handed`},
		{"variable that a generator obeys", func(o *contest.Launch) { o.Env["LD_PRELOAD"] = "" }, "LD_PRELOAD cannot be handed to a script"},
		{"value of a variable", func(o *contest.Launch) { o.Env["A"] = "x\x00y" }, "variable A cannot be handed to a script"},
	} {
		order := c.order("run")
		row.change(&order)
		require.ErrorContains(c.t, c.Start(c.t.Context(), order), row.want, row.name)
		require.Empty(c.t, c.Left(c.t, c.id), row.name)
	}
	_, err := c.Status(c.t.Context(), "../x")
	require.ErrorContains(c.t, err, "is not valid")
	require.ErrorContains(c.t, c.Stop(c.t.Context(), "a/b"), "is not valid")
	require.ErrorContains(c.t, c.Remove(c.t.Context(), ""), "is not valid")
	ctx, cancel := context.WithCancel(c.t.Context())
	cancel()
	require.ErrorIs(c.t, c.Start(ctx, c.order("run")), context.Canceled)
}
