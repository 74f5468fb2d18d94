package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/hackload-kz/hackload/exporters/git"
	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// gitMeasurer looks at teams' repositories. In the line it keeps GitHub's answers
// in the state directory; an exporter alone owns none.
func (w *works) gitMeasurer(rules config.Criterion) (measurer, error) {
	if w.queue == nil {
		return w.gitExporter(rules, nil)
	}
	return w.remembering(rules, cacheFile(filepath.Join(w.config.State.Dir, "github-answers.jsonl")))
}

// remembering begins with what GitHub answered in an earlier life, so that a
// restart need not ask for all of it again.
func (w *works) remembering(rules config.Criterion, file cacheFile) (measurer, error) {
	cache := git.NewMemoryCache(git.CacheBytes)
	if err := file.load(cache); err != nil {
		w.log.Warn("what GitHub answered before is asked for again", "error", err)
	}
	x, err := w.gitExporter(rules, cache)
	if err != nil {
		return nil, err
	}
	return rememberingGit{x, cache, file, w.log}, nil
}

// rememberingGit saves GitHub's answers after each round.
type rememberingGit struct {
	*git.Exporter
	cache *git.MemoryCache
	file  cacheFile
	log   *slog.Logger
}

// Measure measures, and saves what is known then. A cache that cannot be saved
// costs requests after a restart, and nothing now.
func (r rememberingGit) Measure(ctx context.Context, teams []contest.Team, each func(contest.Verdict)) error {
	err := r.Exporter.Measure(ctx, teams, each)
	if failed := r.file.save(r.cache); failed != nil {
		r.log.Warn("GitHub's answers are not kept over a restart", "error", failed)
	}
	return err
}

// cacheFile holds a cache between two lives of the process.
type cacheFile string

func (f cacheFile) load(cache *git.MemoryCache) error {
	in, err := os.Open(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	if err := cache.Load(in); err != nil {
		return fmt.Errorf("read %s: %w", f, err)
	}
	return nil
}

// save replaces the file by a whole new one, or leaves it.
func (f cacheFile) save(cache *git.MemoryCache) (err error) {
	out, err := os.CreateTemp(filepath.Dir(string(f)), ".github-answers-*") // only its owner may read it
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(out.Name()))
		}
	}()
	if err := errors.Join(cache.Save(out), out.Sync(), out.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f, err)
	}
	return os.Rename(out.Name(), string(f))
}
