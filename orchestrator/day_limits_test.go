//go:build day

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The seed document's limits of the Deployment.
const (
	dayMemory = 512 << 20
	dayCPU    = 0.5
)

// limits are control groups: one with the seed's limits for the orchestrator,
// one beside it without any for its load generators.
type limits struct {
	ours, theirs []string // folders, one for each hierarchy
	how          string
	stop         chan struct{}
	moved        sync.WaitGroup
}

// openLimits makes the groups, of version 2 or of version 1 as this machine has
// them. Without any the orchestrator keeps to the limits by itself, which the
// test says.
func openLimits(t *testing.T) *limits {
	t.Helper()
	const root, name = "/sys/fs/cgroup", "hackload-day"
	for _, try := range []func(root, name string) (*limits, error){limitsV2, limitsV1} {
		l, err := try(root, name)
		if err == nil {
			t.Cleanup(func() { l.remove() })
			return l
		}
		t.Logf("no control group: %v", err)
	}
	return &limits{how: "WITHOUT a control group: nothing but the process itself keeps to the limits"}
}

func limitsV2(root, name string) (*limits, error) {
	have, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil || !strings.Contains(string(have), "memory") || !strings.Contains(string(have), "cpu") {
		return nil, errors.Join(errors.New("version 2 has no memory and cpu here"), err)
	}
	l := &limits{ours: []string{filepath.Join(root, name)}, theirs: []string{filepath.Join(root, name+"-load")}, how: "control groups of version 2"}
	return l, errors.Join(
		write(filepath.Join(root, "cgroup.subtree_control"), "+memory +cpu"), l.make(),
		write(filepath.Join(l.ours[0], "memory.max"), dayMemory),
		write(filepath.Join(l.ours[0], "cpu.max"), fmt.Sprintf("%d 100000", int(dayCPU*100000))))
}

func limitsV1(root, name string) (*limits, error) {
	l := &limits{how: "control groups of version 1"}
	for _, hierarchy := range []string{"memory", "cpu"} {
		l.ours = append(l.ours, filepath.Join(root, hierarchy, name))
		l.theirs = append(l.theirs, filepath.Join(root, hierarchy, name+"-load"))
	}
	return l, errors.Join(l.make(),
		write(filepath.Join(l.ours[0], "memory.limit_in_bytes"), dayMemory),
		write(filepath.Join(l.ours[1], "cpu.cfs_period_us"), 100000),
		write(filepath.Join(l.ours[1], "cpu.cfs_quota_us"), int(dayCPU*100000)))
}

func write(file string, value any) error { return os.WriteFile(file, []byte(fmt.Sprint(value)), 0o600) }

func (l *limits) make() error {
	var errs []error
	for _, dir := range append(l.ours, l.theirs...) {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (l *limits) String() string {
	return fmt.Sprintf("%d MiB and %.1f processors by %s", dayMemory>>20, dayCPU, l.how)
}

// enter is the start of a command line whose rest runs inside of the limits.
func (l *limits) enter() []string {
	script := ""
	for _, dir := range l.ours {
		script += "echo $$ >" + dir + "/cgroup.procs && "
	}
	return []string{"sh", "-c", script + `exec "$0" "$@"`}
}

// keepOnly moves the children of a process to the other group, as they come.
// What they do in their first moments counts for the orchestrator, which makes
// its limits tighter and never wider.
func (l *limits) keepOnly(pid int) {
	l.stop = make(chan struct{})
	l.moved.Go(func() {
		for {
			select {
			case <-l.stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			for i, dir := range l.ours {
				text, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
				for _, other := range strings.Fields(string(text)) {
					if other != strconv.Itoa(pid) {
						_ = write(filepath.Join(l.theirs[i], "cgroup.procs"), other) // it may be gone
					}
				}
			}
		}
	})
}

// held is how often the processor limit held the group back; negative where
// nobody counts.
func (l *limits) held() int {
	if len(l.ours) == 0 {
		return -1
	}
	stat, _ := os.ReadFile(filepath.Join(l.ours[len(l.ours)-1], "cpu.stat"))
	_, after, found := strings.Cut(string(stat), "nr_throttled ")
	n, err := strconv.Atoi(strings.TrimSpace(strings.SplitN(after, "\n", 2)[0]))
	if !found || err != nil {
		return -1
	}
	return n
}

func (l *limits) close() {
	if l.stop != nil {
		close(l.stop)
		l.moved.Wait()
		l.stop = nil
	}
}

func (l *limits) remove() {
	l.close()
	for _, dir := range append(l.ours, l.theirs...) {
		_ = os.Remove(dir)
	}
}

// TestLimitsHold has a process outgrow the memory that it is given.
func TestLimitsHold(t *testing.T) {
	l := openLimits(t)
	if len(l.ours) == 0 {
		t.Skip(l.how)
	}
	argv := append(l.enter(), "sh", "-c", "head -c 1G /dev/zero | tail -c 1G >/dev/null")
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	require.Error(t, err, "%s", out)
}
