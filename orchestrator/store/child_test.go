package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// child is the life of a second process: it is this test binary, started again.
func child(task, dir string) error {
	ctx := context.Background()
	if task == "fill" {
		return fill(ctx, dir)
	}
	s, err := store.Open(ctx, dir)
	if err != nil {
		return err
	}
	defer s.Close()
	switch task {
	case "hold":
		fmt.Println("open")
		select {} // until it is killed
	case "write":
		return writeUntilKilled(ctx, s)
	}
	return fmt.Errorf("unknown task %q", task)
}

// writeUntilKilled commits verdicts with their updates, tells of each commit, and
// is most of the time in the middle of the next.
func writeUntilKilled(ctx context.Context, s *store.Store) error {
	for n := 1; ; n++ {
		err := s.Write(ctx, func(tx *store.Tx) error {
			if err := tx.InsertVerdict(ctx, aVerdict("good", n), true); err != nil {
				return err
			}
			fmt.Println("half", n)
			if err := tx.PutUpdate(ctx, anUpdate("good", n)); err != nil {
				return err
			}
			return tx.SetMeta(ctx, "last", strconv.Itoa(n))
		})
		if err != nil {
			return err
		}
		fmt.Println("done", n)
	}
}

func aVerdict(team contest.Slug, score int) contest.Verdict {
	return contest.Verdict{Team: contest.Team{Slug: team}, Service: contest.SearchTesting, Criterion: contest.EventSearch,
		Status: contest.Passed, Score: score}
}

// start runs a child and returns it with the lines that it prints.
func start(t *testing.T, task, dir string, attr *syscall.SysProcAttr) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^$")
	cmd.Env = append(os.Environ(), childTask+"="+task, childDir+"="+dir)
	cmd.SysProcAttr = attr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}

func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, lines := start(t, "hold", dir, nil)
	require.True(t, lines.Scan())
	require.Equal(t, "open", lines.Text())

	_, err := store.Open(t.Context(), dir)
	require.ErrorIs(t, err, store.ErrInUse)
	require.ErrorContains(t, err, dir)
	require.ErrorContains(t, err, "--state", "it says what to do")
	_, lines = start(t, "hold", dir, nil)
	require.True(t, lines.Scan())
	require.Contains(t, lines.Text(), store.ErrInUse.Error())

	// kill -9 gives the directory free, and the file "lock" that stays does not matter.
	require.NoError(t, first.Process.Kill())
	_ = first.Wait()
	require.FileExists(t, filepath.Join(dir, "lock"))
	open(t, dir)
}

func TestKilledWriterLosesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	promised := 0
	for _, killAt := range []string{"half 3", "done 5", "half 20", "half 41"} {
		cmd, lines := start(t, "write", dir, nil)
		for lines.Scan() && lines.Text() != killAt {
			if n, ok := strings.CutPrefix(lines.Text(), "done "); ok {
				promised, _ = strconv.Atoi(n)
			}
		}
		require.Equal(t, killAt, lines.Text())
		require.NoError(t, cmd.Process.Kill())
		for lines.Scan() { // what it still said after we decided to kill it
			if n, ok := strings.CutPrefix(lines.Text(), "done "); ok {
				promised, _ = strconv.Atoi(n)
			}
		}
		_ = cmd.Wait()

		s, err := store.Open(t.Context(), dir)
		require.NoError(t, err)
		last, err := s.Meta(t.Context(), "last")
		require.NoError(t, err)
		kept, err := strconv.Atoi(last)
		require.NoError(t, err)
		require.GreaterOrEqual(t, kept, promised, "a commit that was told of is kept")
		require.LessOrEqual(t, kept, promised+1)

		// The verdict, its update and the mark are of the same transaction.
		verdicts, err := s.Verdicts(t.Context())
		require.NoError(t, err)
		require.Len(t, verdicts, 1)
		require.Equal(t, kept, verdicts[0].Score)
		outbox, err := s.Outbox(t.Context())
		require.NoError(t, err)
		require.Len(t, outbox, 1)
		require.Equal(t, kept, outbox[0].Update.Score)
		require.NoError(t, s.Close())
	}
}

// writeUntilFull commits values until the disk is full and returns how many it
// committed. What it was told of is what must still be there.
func writeUntilFull(ctx context.Context, s *store.Store) (committed int, err error) {
	for committed < 10_000 {
		err = s.Write(ctx, func(tx *store.Tx) error {
			if err := tx.SetMeta(ctx, "value", strconv.Itoa(committed+1)); err != nil {
				return err
			}
			return tx.SetMeta(ctx, fmt.Sprint("ballast ", committed+1), strings.Repeat("x", 20_000))
		})
		if err != nil {
			return committed, err
		}
		committed++
	}
	return committed, errors.New("the disk did not fill up")
}

// checkFull fills s's disk, makes room and looks whether anything was lost.
func checkFull(ctx context.Context, s *store.Store, makeRoom func() error) error {
	committed, err := writeUntilFull(ctx, s)
	if !errors.Is(err, store.ErrFull) || committed < 5 {
		return fmt.Errorf("after %d commits: want %q, got: %w", committed, store.ErrFull, err)
	}
	for range 3 { // it stays refused, and reading goes on
		if err := s.Write(ctx, func(tx *store.Tx) error {
			return tx.SetMeta(ctx, "value", strings.Repeat("y", 200_000))
		}); !errors.Is(err, store.ErrFull) {
			return fmt.Errorf("write again: want %q, got: %w", store.ErrFull, err)
		}
		if v, err := s.Meta(ctx, "value"); err != nil || v != strconv.Itoa(committed) {
			return fmt.Errorf("read on the full disk: want %d, got %q, %w", committed, v, err)
		}
	}
	if err := makeRoom(); err != nil {
		return err
	}
	if err := s.Write(ctx, func(tx *store.Tx) error {
		return tx.SetMeta(ctx, "after", strings.Repeat("z", 200_000))
	}); err != nil {
		return fmt.Errorf("write when there is room again: %w", err)
	}
	for n := 1; n <= committed; n++ {
		if v, err := s.Meta(ctx, fmt.Sprint("ballast ", n)); err != nil || len(v) != 20_000 {
			return fmt.Errorf("ballast %d: %d bytes, %w", n, len(v), err)
		}
	}
	return nil
}

// A limit on the database's pages is refused while a statement runs.
func TestFullDatabase(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	limit := func(pages int) error {
		_, err := s.DB().ExecContext(t.Context(), fmt.Sprintf(`PRAGMA max_page_count = %d`, pages))
		return err
	}
	require.NoError(t, limit(200))
	require.NoError(t, checkFull(t.Context(), s, func() error { return limit(1_000_000) }))
}

// A full file system is refused at the commit. The child mounts a small one in a
// name space of its own, as root or as anyone; where the kernel forbids that, a
// limit on the size of its files stands in.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	spaces := []*syscall.SysProcAttr{
		{Cloneflags: syscall.CLONE_NEWNS},
		{
			Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		},
	}
	self, err := os.Executable()
	require.NoError(t, err)
	for _, attr := range append(spaces, nil) {
		cmd := exec.CommandContext(t.Context(), self, "-test.run=^$")
		cmd.Env = append(os.Environ(), childTask+"=fill", childDir+"="+t.TempDir())
		if attr == nil {
			cmd.Env = append(cmd.Env, childLast+"=1")
		}
		cmd.SysProcAttr = attr
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if attr != nil && err != nil && (!errors.As(err, &exit) || strings.Contains(string(out), errMount.Error())) {
			continue // not allowed here
		}
		require.NoError(t, err, "%s", out)
		t.Logf("%s", out)
		return
	}
}
