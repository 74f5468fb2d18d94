package launch

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	tail := strings.Repeat("0 ", 18) + "4711 9 9"
	for _, row := range []struct {
		name, text string
		want       processStat
		err        string
	}{
		{"plain", "12 (sleep) S " + tail, processStat{'S', 4711}, ""},
		{"a name to confuse", "12 (a) R 1 (b) Z " + tail, processStat{'Z', 4711}, ""},
		{"too short", "12 (sleep) S 1 2", processStat{}, "too few fields"},
		{"empty", "", processStat{}, "too few fields"},
		{"start is no number", "12 (x) S " + strings.Repeat("0 ", 18) + "soon 9", processStat{}, "start time"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseStat(row.text)
			if row.err != "" {
				require.ErrorContains(t, err, row.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, row.want, got)
		})
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	who, err := identify(os.Getpid())
	require.NoError(t, err)
	require.True(t, who.alive())
	later := who
	later.Ticks++
	require.False(t, later.alive())
	require.NoError(t, later.signal(9), "who is not alive is not signalled")
}

func TestSentence(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, text, want string }{
		{"nothing", "\n \n", ""},
		{"last line", "first\nlast one \n\n", "last one"},
		{"a crash", "x\npanic: boom\n\ngoroutine 1 [running]:\nexit status 2\n", "panic: boom"},
		{"the generator's own words", "x\nloadgen: setup(): Error: no\n\tat setup (a.js:1)\n\nTry: loadgen run --help\n", "setup(): Error: no"},
		{"the last of its own words", "loadgen: first\nx\nloadgen: second\n", "second"},
		{"long", strings.Repeat("я", 400), strings.Repeat("я", 300) + "…"},
		{"broken text", "a\xffb", "a\uFFFDb"},
	} {
		require.Equal(t, row.want, sentence(row.text), row.name)
	}
}

func TestTrouble(t *testing.T) {
	t.Parallel()
	began := time.Unix(1000, 0)
	for _, row := range []struct {
		name   string
		result Result
		reason string
		words  string
		want   string
	}{
		{"killed", Result{ExitCode: -1, Signal: "killed"}, "", "GET /api/events", "generator 1 of 1 was killed after 41 s"},
		{"another signal", Result{ExitCode: -1, Signal: "bus error"}, "", "", "generator 1 of 1 was ended by a signal (bus error) after 41 s"},
		{"finished although told to stop", Result{ExitCode: 0}, stoppedOnRequest, "", ""},
		{"timeout", Result{ExitCode: 105}, stoppedByTimeout, "bye", "generator 1 of 1 was stopped by its timeout after 41 s"},
		{"timeout not heeded", Result{ExitCode: -1}, stoppedByTimeout, "", "generator 1 of 1 was stopped by its timeout after 41 s, and had to be killed"},
		{"ended by the first signal", Result{ExitCode: -1, Signal: "terminated"}, stoppedOnRequest, "", "generator 1 of 1 was stopped on request after 41 s"},
		{"interrupted by somebody", Result{ExitCode: 105}, "", "vus....: 1", "generator 1 of 1 was interrupted after 41 s"},
		{"script", Result{ExitCode: 107}, "", "search.js:3 no such thing", "generator 1 of 1 met an exception in the script after 41 s: search.js:3 no such thing"},
	} {
		row.result.Started, row.result.Ended = began, began.Add(41*time.Second)
		require.Equal(t, row.want, trouble(row.result, row.reason, row.words), row.name)
	}
}

func TestTrimLog(t *testing.T) {
	t.Parallel()
	f := folder(t.TempDir())
	require.ErrorIs(t, f.trimLog(), os.ErrNotExist)
	require.Empty(t, f.lastWords())
	log, err := os.OpenFile(f.file(logFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer log.Close()
	write := func(text string) {
		_, err := log.WriteString(text)
		require.NoError(t, err)
	}
	write(strings.Repeat("x", maxLog-10) + "\nearlier\n")
	require.NoError(t, f.trimLog())
	require.NoFileExists(t, f.file(oldLogFile))
	write("later\n")
	require.NoError(t, f.trimLog())
	info, err := os.Stat(f.file(oldLogFile))
	require.NoError(t, err)
	require.Equal(t, int64(maxLog/2), info.Size())
	require.Equal(t, "later", f.lastWords(), "nothing was said since")
	write("at the end\n")
	text, err := os.ReadFile(f.file(logFile))
	require.NoError(t, err)
	require.Equal(t, "at the end\n", string(text))
	require.Equal(t, "at the end", f.lastWords())
}

func FuzzSentence(f *testing.F) {
	for _, s := range []string{"", "a\nb", "panic: x\ny", "runtime/cgo: pthread_create failed\ngs 0x0", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := sentence(text)
		require.LessOrEqual(t, len([]rune(got)), 301)
		require.NotContains(t, got, "\n")
		_, err := parseStat(text)
		_ = err // any text may be refused, none may panic
	})
}
