package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/hackload-kz/hackload/orchestrator/store"
)

var errMount = errors.New("mount a small file system")

// fill is a child's life on a disk that becomes full.
func fill(ctx context.Context, dir string) error {
	// The first process in a new user name space is its root.
	err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	if err == nil {
		err = syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m")
	}
	if err == nil {
		fmt.Println("a tmpfs of 2 MB becomes full")
		return fillMounted(ctx, dir)
	}
	if os.Getenv(childLast) == "" {
		return fmt.Errorf("%w: %w", errMount, err)
	}
	fmt.Println("no mount is allowed here: files are limited to 2 MB")
	return fillLimited(ctx, dir)
}

func fillMounted(ctx context.Context, dir string) error {
	// Something else fills the disk too, and is what makes room when it goes.
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, make([]byte, 1<<20), 0o600); err != nil {
		return err
	}
	s, err := store.Open(ctx, dir)
	if err != nil {
		return err
	}
	defer s.Close()
	return checkFull(ctx, s, func() error { return os.Remove(other) })
}

func fillLimited(ctx context.Context, dir string) error {
	signal.Ignore(syscall.SIGXFSZ) // so that a write past the limit is an error
	s, err := store.Open(ctx, dir)
	if err != nil {
		return err
	}
	defer s.Close()
	limit := func(bytes uint64) error {
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: 1 << 40})
	}
	if err := limit(2 << 20); err != nil {
		return err
	}
	return checkFull(ctx, s, func() error { return limit(1 << 40) })
}
