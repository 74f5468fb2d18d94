// Package backup puts a contest's state into one file, and makes a state
// directory of that file again.
//
// In comes a state directory, also one that a running process owns and writes
// to: the SQLite database as it stood at one moment, the embedded metric store
// and the key of its writers. Out goes a gzipped tar whose first entry, the
// manifest, names every other with its size and SHA-256. The file appears whole
// or not at all, and only its owner may read it.
//
// A restore believes nothing before it has checked it: the manifest bounds what
// is unpacked, names lead nowhere but into the new directory, and what fails
// half-way leaves nothing behind. A state in PostgreSQL is not ours to copy.
package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/metricstore"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// Errors that callers branch on.
var (
	// ErrExists means that the file to write is there already.
	ErrExists = errors.New("the file exists already")
	// ErrForeign means that a file is no backup of hackload's.
	ErrForeign = errors.New("it is no backup of hackload's")
	// ErrDamaged means that a backup is not as it was written.
	ErrDamaged = errors.New("the backup is damaged")
	// ErrNewer means that a newer program has written a backup.
	ErrNewer = errors.New("the backup belongs to a newer hackload")
	// ErrNotEmpty means that there is something where a state is to be restored.
	ErrNotEmpty = errors.New("the directory is not empty")
	// ErrNoRoom means that the disk is too small or full.
	ErrNoRoom = errors.New("there is not enough room on the disk")
)

// The names in a backup, which are those in a state directory.
const (
	manifestName = "manifest.json"
	metricsDir   = "metrics"
	keyFile      = "write.key"
)

const (
	format        = "hackload-backup"
	formatVersion = 1
	mostManifest  = 8 << 20 // bytes: some 40,000 files
)

// Manifest says what is in a backup.
type Manifest struct {
	Format    string    `json:"format"`
	Version   int       `json:"version"`
	Program   string    `json:"program"` // revision of the program that wrote it
	Schema    int64     `json:"schema"`  // of the state database
	CreatedAt time.Time `json:"createdAt"`
	Files     []File    `json:"files"`
}

// File is one file of a backup.
type File struct {
	Name   string `json:"name"` // path in the state directory, with slashes
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// Size is how many bytes the files have, unpacked.
func (m Manifest) Size() (total int64) {
	for _, f := range m.Files {
		total += f.Size
	}
	return total
}

// readManifest reads what others may have written, and believes none of it.
func readManifest(r io.Reader) (Manifest, error) {
	var m Manifest
	text, err := io.ReadAll(io.LimitReader(r, mostManifest+1))
	switch {
	case err != nil:
		return m, damaged(fmt.Errorf("read manifest: %w", err))
	case len(text) > mostManifest:
		return m, fmt.Errorf("%w: its manifest is too long", ErrForeign)
	}
	if err := json.Unmarshal(text, &m); err != nil || m.Format != format {
		return m, fmt.Errorf("%w: its manifest is another's", ErrForeign)
	}
	if m.Version != formatVersion {
		return m, fmt.Errorf("%w: its form is %d, this program knows %d", ErrNewer, m.Version, formatVersion)
	}
	known, err := store.SchemaVersion()
	if err != nil {
		return m, err
	}
	if m.Schema > known {
		return m, fmt.Errorf("%w: its schema version is %d, this program knows %d", ErrNewer, m.Schema, known)
	}
	return m, m.checkFiles()
}

func (m Manifest) checkFiles() error {
	seen := map[string]bool{}
	total := int64(0)
	for _, f := range m.Files {
		if !allowed(f.Name) || seen[f.Name] {
			return fmt.Errorf("%w: it holds %q", ErrForeign, f.Name)
		}
		if seen[f.Name] = true; f.Size < 0 || total+f.Size < total {
			return fmt.Errorf("%w: %s cannot have %d bytes", ErrForeign, f.Name, f.Size)
		}
		total += f.Size
	}
	if !seen[store.DatabaseFile] {
		return fmt.Errorf("%w: it holds no state database", ErrForeign)
	}
	return nil
}

// allowed reports whether a state directory may have a file of that name. It is
// a list of what there may be, so no name can lead out of the directory.
func allowed(name string) bool {
	metric, isMetric := strings.CutPrefix(name, metricsDir+"/")
	return name == store.DatabaseFile || name == keyFile || isMetric && metricstore.Kept(metric)
}

func damaged(err error) error { return fmt.Errorf("%w: %w", ErrDamaged, err) }
