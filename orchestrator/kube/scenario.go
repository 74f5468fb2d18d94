package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

const (
	// maxObject is what one object may hold: etcd takes 1.5 MiB, a ConfigMap or a
	// Secret 1 MiB with all that is around the data.
	maxObject   = 1000 << 10
	sampleUsers = "lib/users.sample.csv"
)

// check refuses a launch that could not be run.
func (l *Launcher) check(launch contest.Launch) error {
	if err := launch.Check(); err != nil {
		return err
	}
	if launch.Generators > l.cfg.Most {
		return fmt.Errorf("launch %s: level %d needs %d runners, and kubernetes.max_runners allows %d: raise it, or give each runner more",
			launch.TestID, launch.Level.Users, launch.Generators, l.cfg.Most)
	}
	return nil
}

// bundle makes one file of the scenario and its imports.
func (l *Launcher) bundle(ctx context.Context, name string) ([]byte, error) {
	if _, err := fs.Stat(l.cfg.Scenarios, name+".js"); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no scenario %s", name)
	} else if err != nil {
		return nil, fmt.Errorf("find scenario %s: %w", name, err)
	}
	const root = "/scenarios"
	one, err := script.OneFile(script.Source{Path: root + "/" + name + ".js", Data: dataDir, ReadFile: func(file string) ([]byte, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return nil, err
		}
		return l.read(filepath.ToSlash(rel))
	}})
	if err == nil && len(one) > maxObject {
		err = fmt.Errorf("scenario %s is %d bytes with its imports, and a ConfigMap holds %d: move data out of the script, into a users file", name, len(one), maxObject)
	}
	return one, err
}

func (l *Launcher) read(name string) ([]byte, error) {
	f, err := l.cfg.Scenarios.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxObject+1))
	if err == nil && len(text) > maxObject {
		size := int64(len(text))
		if info, statErr := f.Stat(); statErr == nil {
			size = info.Size()
		}
		err = fmt.Errorf("%s has %d bytes, and a ConfigMap or a Secret holds %d", name, size, maxObject)
	}
	return text, err
}

// users returns the users that go into the launch's Secret: the sample beside
// the scenarios, where the level names no file of its own. Files that are named
// lie in a volume: a Secret would not hold those of a large level.
func (l *Launcher) users(launch contest.Launch) ([]byte, error) {
	if named := launch.Env["USERS_FILE"]; named != "" {
		if l.cfg.UsersClaim == "" && l.cfg.UsersSecret == "" {
			return nil, fmt.Errorf("users file %s is on no volume of the runners: set kubernetes.users_claim or kubernetes.users_secret", path.Base(named))
		}
		if path.Dir(named) != usersDir {
			return nil, fmt.Errorf("users file %s is not seen by the runners: their volume is mounted at %s", path.Base(named), usersDir)
		}
		return nil, nil
	}
	text, err := l.read(sampleUsers)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}
