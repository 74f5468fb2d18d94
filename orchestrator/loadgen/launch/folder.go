package launch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// What a launch's folder holds.
const (
	launchFile   = "launch.json"   // the contest.Launch, without its token
	pidFile      = "pid"           // the process, as identity
	progressFile = "progress.json" // contest.Progress, by the generator
	summaryFile  = "summary.json"  // k6's --summary-export, by the generator
	resultFile   = "result.json"   // Result, by the generator as its last act
	lockFile     = "lock"          // held by the process for as long as it lives
	stopFile     = "stop.json"     // why it was told to stop
	logFile      = "log"           // the generator's output, up to maxLog
	oldLogFile   = "log.old"       // the end of what was cut off the log
	scenarioDir  = "scenario"      // the scripts, frozen
)

const (
	maxJSON = 1 << 20 // bytes of a JSON file that are read
	maxLog  = 1 << 20 // bytes of the log
)

// folder is where a launch lives: DIR/TESTID.
type folder string

func (l *Launcher) folder(id contest.TestID) folder {
	return folder(filepath.Join(l.cfg.Dir, string(id)))
}

func (f folder) id() contest.TestID        { return contest.TestID(filepath.Base(string(f))) }
func (f folder) file(name string) string   { return filepath.Join(string(f), name) }
func (f folder) script(name string) string { return f.file(filepath.Join(scenarioDir, name+".js")) }

// draft is where the folder is made before it is whole. Its name is no testid.
func (f folder) draft() string {
	return filepath.Join(filepath.Dir(string(f)), ".new-"+string(f.id()))
}

func (f folder) remove() error {
	return errors.Join(os.RemoveAll(f.draft()), os.RemoveAll(string(f)))
}

// Result is how a generator ended, in the file that it is given by --result-file.
type Result struct {
	ExitCode int       `json:"exitCode"` // k6's; -1 when a signal ended it
	Aborted  bool      `json:"aborted"`  // a threshold with abortOnFail ended the test
	Started  time.Time `json:"started"`
	Ended    time.Time `json:"ended"`
	Signal   string    `json:"signal,omitempty"`  // that ended it, when the launcher saw it
	Inexact  string    `json:"inexact,omitempty"` // what this generator tells less exactly than ours, in a sentence
}

// WriteResult writes a generator's result so that a reader sees all of it or
// nothing. A generator calls it as its very last act, after its last flush.
func WriteResult(path string, r Result) error {
	if err := writeJSON(path, r); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// WriteProgress writes a generator's progress to the file that it is given by
// --progress-file, so that a reader sees all of it or nothing.
func WriteProgress(path string, p contest.Progress) error {
	// Not synced: it is written often, and after a power cut nobody wants it.
	if err := replace(path, p, func(*os.File) error { return nil }); err != nil {
		return fmt.Errorf("write progress: %w", err)
	}
	return nil
}

// writeJSON replaces a file whole and for good.
func writeJSON(path string, v any) error {
	if err := replace(path, v, (*os.File).Sync); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// replace writes a file beside path, settles it and renames it.
func replace(path string, v any, settle func(*os.File) error) (err error) {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name())
		}
	}()
	_, err = tmp.Write(append(text, '\n'))
	if err = errors.Join(err, settle(tmp), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

// syncDir makes a rename outlive a power cut.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readJSON reads a file of bounded size.
func readJSON(path string, v any) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxJSON+1))
	if err != nil {
		return err
	}
	if len(text) > maxJSON {
		return fmt.Errorf("%s is longer than %d bytes", filepath.Base(path), maxJSON)
	}
	return json.Unmarshal(text, v)
}

// result returns how the launch ended, and whether it has.
func (f folder) result() (Result, bool) {
	var r Result
	err := readJSON(f.file(resultFile), &r)
	return r, err == nil
}

func (f folder) ended() bool {
	_, ok := f.result()
	return ok
}

// progress returns what the generator last wrote; it decides nothing, so a file
// that cannot be read is no progress.
func (f folder) progress() contest.Progress {
	var p contest.Progress
	if err := readJSON(f.file(progressFile), &p); err != nil {
		return contest.Progress{}
	}
	return p
}

// lastSign returns when the generator last wrote anything.
func (f folder) lastSign() time.Time {
	var last time.Time
	for _, name := range []string{progressFile, logFile} {
		if info, err := os.Stat(f.file(name)); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last
}

// trimLog moves the end of a log that has grown too long to a second file, and
// empties it. The generator appends, so it goes on at the beginning; what it
// writes between the reading and the emptying, a few lines at most, is lost.
func (f folder) trimLog() error {
	file, err := os.OpenFile(f.file(logFile), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil || info.Size() <= maxLog {
		return err
	}
	tail := make([]byte, maxLog/2)
	if _, err := file.ReadAt(tail, info.Size()-int64(len(tail))); err != nil {
		return err
	}
	if err := os.WriteFile(f.file(oldLogFile), tail, 0o600); err != nil {
		return err
	}
	return file.Truncate(0)
}

// lastWords returns the last line of the log, or the line that a crash of Go
// begins with, cut to a sentence's length.
func (f folder) lastWords() string {
	if words := lastWords(f.file(logFile)); words != "" {
		return words
	}
	return lastWords(f.file(oldLogFile))
}

func lastWords(path string) string {
	const end = 64 << 10
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return ""
	}
	text, err := io.ReadAll(io.NewSectionReader(file, max(0, info.Size()-end), end))
	if err != nil {
		return ""
	}
	return sentence(string(text))
}

// sentence picks the line of a generator's output that says what went wrong: the
// line that a crash of Go begins with, else the generator's last own message,
// else whatever came last.
func sentence(text string) string {
	// The last is what a process says that may have no more memory.
	crashes := []string{"panic: ", "fatal error: ", "runtime/cgo: "}
	var words string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if slices.ContainsFunc(crashes, func(crash string) bool { return strings.HasPrefix(line, crash) }) {
			return cut(line)
		}
		own := strings.HasPrefix(line, ownMessage)
		if own || line != "" && !strings.HasPrefix(words, ownMessage) {
			words = line
		}
	}
	return cut(strings.TrimPrefix(words, ownMessage))
}

// ownMessage begins what a generator says itself, apart from a script's output.
const ownMessage = "loadgen: "

// userinfo is name and password in an address.
var userinfo = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/?#"'<>]*@`)

// cut bounds a line to the length of a sentence, and leaves out what of an
// address is not for everybody: the line ends in a public finding.
func cut(line string) string {
	line = userinfo.ReplaceAllString(strings.ToValidUTF8(line, "\uFFFD"), "${1}***@")
	if runes := []rune(line); len(runes) > 300 {
		return string(runes[:300]) + "…"
	}
	return line
}
