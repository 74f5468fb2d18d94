package loadgen_test

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen"
)

const archivedScript = `import { five } from './lib/a.js'; import { check } from 'k6';
	const data = open('./data.csv');
	export const options = { scenarios: { steady: { executor: 'shared-iterations', vus: 2, iterations: 6 } },
		thresholds: { checks: ['rate>0.9', { threshold: 'rate>0.1', abortOnFail: true, delayAbortEval: '1s' }] } };
	export default function () { check(five, { five: v => v === 5, env: () => __ENV.FOO === 'bar', data: () => data === 'x,y', none: () => __ENV.SECRET === undefined }) }`

func archivedRun(t *testing.T) *run {
	t.Helper()
	r := newRun(t, archivedScript)
	r.env = []string{"SECRET=canary"}
	require.NoError(t, os.Mkdir(filepath.Join(r.dir, "lib"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "lib", "a.js"), []byte("export const five = 5"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "data.csv"), []byte("x,y"), 0o600))
	require.Equal(t, 0, r.command(t.Context(), "archive", "test.js", "-e", "FOO=bar", "-O", "a.tar"), r.log.String())
	return r
}

// An archive runs where nothing else of the script is left.
func TestArchiveStandsAlone(t *testing.T) {
	t.Parallel()
	r := archivedRun(t)
	packed, err := os.ReadFile(filepath.Join(r.dir, "a.tar"))
	require.NoError(t, err)
	assert.NotContains(t, string(packed), "canary")
	for _, name := range []string{"test.js", "data.csv", "lib"} {
		require.NoError(t, os.RemoveAll(filepath.Join(r.dir, name)))
	}
	r.env = nil
	require.Equal(t, 0, r.command(t.Context(), "run", "a.tar", "-q", "--summary-export", "sum.json"), r.log.String())
	assert.Equal(t, 6.0, r.total(t, "iterations", "count"))
	assert.Equal(t, 24.0, r.total(t, "checks", "passes"))
	assert.NotContains(t, r.log.String(), "WARN")

	// Flags still win over what the archive says.
	require.Equal(t, 99, r.command(t.Context(), "run", "-t", "archive", "a.tar", "-q", "-i", "3", "-e", "FOO=other", "--summary-export", "sum.json"))
	assert.Equal(t, 3.0, r.total(t, "iterations", "count"))
}

// What was said when the archive was made is still in force, network and all.
func TestArchiveKeepsOptions(t *testing.T) {
	t.Parallel()
	r := newRun(t, `export default function () {}; export const options = { thresholds: { 'checks{b:1,a:2}': ['rate > .5'] }, tlsVersion: { min: 'tls1.2' } }`)
	require.Equal(t, 0, r.command(t.Context(), "archive", "test.js", "-O", "a.tar", "-u", "4", "-i", "4", "--dns", "ttl=inf,select=first",
		"--local-ips", "127.0.0.1,127.0.0.3-127.0.0.4", "--execution-segment", "1/2:1", "--execution-segment-sequence", "0,1/2,1"), r.log.String())
	require.NoError(t, os.Remove(filepath.Join(r.dir, "test.js")))
	require.Equal(t, 0, r.command(t.Context(), "inspect", "a.tar"), r.log.String())
	for _, want := range []string{
		`"ttl": "inf"`, `"select": "first"`, `"localIPs": "127.0.0.1,127.0.0.3,127.0.0.4"`, `"executionSegment": "1/2:1"`, `"executionSegmentSequence": "0,1/2,1"`,
		`"checks{b:1,a:2}": [`, `"rate \u003e .5"`, `"min": "tls1.2"`,
	} {
		assert.Contains(t, r.out.String(), want)
	}
	require.Equal(t, 0, r.command(t.Context(), "run", "a.tar", "-q", "--summary-export", "sum.json"), r.log.String())
	assert.Equal(t, 2.0, r.total(t, "iterations", "count"), "the half that it was made for")
}

// An operator that looks at a script makes an archive of it, also when it is one
// already.
func TestArchiveOfAnArchive(t *testing.T) {
	t.Parallel()
	r := archivedRun(t)
	require.Equal(t, 0, r.command(t.Context(), "archive", "a.tar", "-O", "same.tar"), r.log.String())
	require.Equal(t, 0, r.command(t.Context(), "archive", "a.tar", "-e", "FOO=other", "-O", "other.tar"), r.log.String())
	first, err := os.ReadFile(filepath.Join(r.dir, "a.tar"))
	require.NoError(t, err)
	second, err := os.ReadFile(filepath.Join(r.dir, "same.tar"))
	require.NoError(t, err)
	assert.Equal(t, first, second)
	r.env = nil
	require.Equal(t, 99, r.command(t.Context(), "run", "other.tar", "-q", "--summary-export", "sum.json"), r.log.String())
	assert.Equal(t, 18.0, r.total(t, "checks", "passes"), "all but the one that looks at FOO")
}

func TestEqualScriptsGiveEqualArchives(t *testing.T) {
	t.Parallel()
	r := archivedRun(t)
	first, err := os.ReadFile(filepath.Join(r.dir, "a.tar"))
	require.NoError(t, err)
	require.Equal(t, 0, r.command(t.Context(), "archive", "test.js", "-e", "FOO=bar", "-O", "b.tar"))
	second, err := os.ReadFile(filepath.Join(r.dir, "b.tar"))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(first, second))
}

// member is a file of a test's archive.
type member struct{ name, text string }

func pack(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.text)), Typeflag: tar.TypeReg}))
		_, err := w.Write([]byte(m.text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestBadArchives(t *testing.T) {
	t.Parallel()
	const meta = `{"type":"js","filename":"file:///x/test.js","options":{}}`
	for name, c := range map[string]struct {
		content []byte
		code    int
		says    string
	}{
		"no tar":            {[]byte("export default function () {}"), 104, "archive"},
		"empty":             {nil, 104, "type"},
		"metadata no JSON":  {pack(t, member{"metadata.json", "{"}), 104, "metadata.json"},
		"no data":           {pack(t, member{"metadata.json", meta}), 104, "no data"},
		"other type":        {pack(t, member{"metadata.json", `{"type":"exe"}`}, member{"data", ""}), 104, `"exe"`},
		"relative script":   {pack(t, member{"metadata.json", `{"type":"js","filename":"test.js"}`}, member{"data", ""}), 104, "file:///"},
		"missing import":    {pack(t, member{"metadata.json", meta}, member{"data", "import './b.js'; export default function () {}"}), 107, "b.js"},
		"import of outside": {pack(t, member{"metadata.json", meta}, member{"data", "const p = open('/etc/passwd'); export default function () {}"}), 107, "not in the archive"},
		"name that climbs":  {pack(t, member{"metadata.json", meta}, member{"data", "const p = open('../etc/x'); export default function () { if (p !== 'ok') throw new Error(p) }"}, member{"file/../file/etc/x", "ok"}), 0, ""},
		"cut off":           {pack(t, member{"metadata.json", meta}, member{"data", "export default function () {}"})[:700], 104, "archive"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, "")
			require.NoError(t, os.WriteFile(filepath.Join(r.dir, "a.tar"), c.content, 0o600))
			assert.Equal(t, c.code, r.command(t.Context(), "run", "a.tar", "-q"), r.log.String())
			assert.Contains(t, r.log.String(), c.says)
		})
	}
}

// An archive that is taken is written again as one that says the same.
func FuzzReadArchive(f *testing.F) {
	const meta = `{"type":"js","filename":"file:///x/test.js","options":{"vus":1},"env":{"A":"б"}}`
	whole := pack(f, member{"metadata.json", meta}, member{"data", "export default function () {}"}, member{"file/x/lib/a.js", "1"},
		member{"https/example.com/b.js", "2"}, member{"file/../file/etc/x", "3"}, member{"else/where", "4"})
	f.Add(whole)
	f.Add(whole[:len(whole)-1500])
	f.Add(bytes.Replace(whole, []byte("file:///x/test.js"), []byte("file:///x/../t.js"), 1))
	f.Add(pack(f, member{"metadata.json", meta}, member{"data", ""}, member{"file/x/test.js", "another"}))
	f.Add([]byte("x"))
	f.Add(bytes.Repeat([]byte{0}, 1024))
	f.Fuzz(func(t *testing.T, content []byte) {
		once, err := loadgen.RewriteArchive(content)
		if err != nil {
			return
		}
		twice, err := loadgen.RewriteArchive(once)
		require.NoError(t, err)
		require.True(t, bytes.Equal(once, twice))
	})
}
