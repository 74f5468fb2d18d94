package launch

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// identity is one process for all time: a pid is used again, but not with the
// same start in the same boot.
type identity struct {
	PID     int       `json:"pid"`
	Ticks   uint64    `json:"ticks"` // start of the process, clock ticks since boot
	Boot    string    `json:"boot"`
	Started time.Time `json:"started"`
}

// identify describes a process that was just started.
func identify(pid int) (identity, error) {
	stat, err := readStat(pid)
	if err != nil {
		return identity{}, fmt.Errorf("identify process %d: %w", pid, err)
	}
	boot, err := bootID()
	if err != nil {
		return identity{}, fmt.Errorf("identify process %d: %w", pid, err)
	}
	return identity{PID: pid, Ticks: stat.ticks, Boot: boot, Started: time.Now()}, nil
}

// alive reports whether that very process still runs. A zombie does not.
func (p identity) alive() bool {
	if p.PID <= 0 {
		return false
	}
	boot, err := bootID()
	if err != nil || boot != p.Boot {
		return false
	}
	stat, err := readStat(p.PID)
	return err == nil && stat.ticks == p.Ticks && stat.state != 'Z' && stat.state != 'X'
}

// signal sends sig to the process's group, which is its own, unless it is gone.
func (p identity) signal(sig syscall.Signal) error {
	if !p.alive() {
		return nil
	}
	if err := syscall.Kill(-p.PID, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %s to process %d: %w", sig, p.PID, err)
	}
	return nil
}

// killOwn ends a child of this process for good and reaps it.
func killOwn(pid int) error {
	if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill process %d: %w", pid, err)
	}
	var status syscall.WaitStatus
	for {
		if _, err := syscall.Wait4(pid, &status, 0, nil); !errors.Is(err, syscall.EINTR) {
			return nil
		}
	}
}

// lock takes the lock of a launch. A process that inherits the file holds the
// lock from its very first moment, and no death can leave it behind.
func (f folder) lock() (*os.File, error) {
	file, err := os.OpenFile(f.file(lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock launch %s: %w", f.id(), err), file.Close())
	}
	return file, nil
}

// locked reports whether some process holds the lock of a launch.
func (f folder) locked() bool {
	file, err := os.Open(f.file(lockFile))
	if err != nil {
		return false
	}
	defer file.Close()
	return errors.Is(syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// processStat is what we read of /proc/PID/stat.
type processStat struct {
	state byte
	ticks uint64
}

func readStat(pid int) (processStat, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return processStat{}, err
	}
	return parseStat(string(text))
}

// parseStat reads the state (field 3) and the start time (field 22). The name,
// field 2, may hold anything, parentheses and blanks too, so fields are counted
// from its last parenthesis.
func parseStat(text string) (processStat, error) {
	fields := strings.Fields(text[strings.LastIndex(text, ")")+1:])
	if len(fields) < 20 {
		return processStat{}, errors.New("process state has too few fields")
	}
	ticks, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return processStat{}, fmt.Errorf("process start time: %w", err)
	}
	return processStat{state: fields[0][0], ticks: ticks}, nil
}

func bootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text)), err
}

// findByArgument returns the pid of a process that was given flag and value as
// two neighbouring arguments.
func findByArgument(flag, value string) (int, bool) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, false
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err != nil {
			continue // it ended, or is not ours to read
		}
		args := bytes.Split(text, []byte{0})
		at := slices.IndexFunc(args, func(a []byte) bool { return string(a) == flag })
		if at >= 0 && at+1 < len(args) && string(args[at+1]) == value {
			return pid, true
		}
	}
	return 0, false
}
