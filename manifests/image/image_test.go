package main

import (
	"archive/tar"
	"crypto/rand"
	"debug/elf"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// complete names files that are there on any machine.
func complete(t *testing.T) sources {
	t.Helper()
	certificates := filepath.Join(t.TempDir(), "ca.crt")
	require.NoError(t, os.WriteFile(certificates, []byte("certificates"), 0o600))
	program := header(t, elf.EM_X86_64, elf.PT_LOAD)
	return sources{program: program, certificates: certificates, shell: program}
}

// stage returns the instructions of a target of the Dockerfile, those of the
// stages of ours that it is made from first.
func stage(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile("../../Dockerfile")
	require.NoError(t, err)
	plain := strings.ReplaceAll(string(text), "\\\n", "")
	_, body, found := strings.Cut(plain, " AS "+name+"\n")
	require.True(t, found, name)
	var lines []string
	if from := regexp.MustCompile(`FROM (\w+) AS ` + name + `\n`).FindStringSubmatch(plain); from != nil && from[1] != "scratch" {
		lines = stage(t, from[1])
	}
	body, _, _ = strings.Cut(body, "\nFROM ")
	return append(lines, strings.Split(body, "\n")...)
}

// described is a configuration as the instructions of a Dockerfile say it.
func described(t *testing.T, lines []string) v1.Config {
	t.Helper()
	c := v1.Config{WorkingDir: "/", Env: environment()}
	words := func(text string) (list []string) {
		require.NoError(t, json.Unmarshal([]byte(text), &list), text)
		return list
	}
	for _, line := range lines {
		instruction, rest, _ := strings.Cut(line, " ")
		switch instruction {
		case "USER":
			c.User = rest
		case "WORKDIR":
			c.WorkingDir = rest
		case "ENV":
			c.Env = append(c.Env, rest)
		case "ENTRYPOINT":
			c.Entrypoint = words(rest)
		case "CMD":
			c.Cmd = words(rest)
		case "VOLUME":
			c.Volumes = map[string]struct{}{rest: {}}
		case "EXPOSE":
			c.ExposedPorts = map[string]struct{}{}
			for _, port := range strings.Fields(rest) {
				c.ExposedPorts[port+"/tcp"] = struct{}{}
			}
		case "HEALTHCHECK":
			c.Healthcheck = healthcheck(t, rest)
		}
	}
	return c
}

func healthcheck(t *testing.T, text string) *v1.HealthConfig {
	t.Helper()
	options, command, _ := strings.Cut(text, " CMD ")
	h := &v1.HealthConfig{Test: []string{"CMD"}}
	var words []string
	require.NoError(t, json.Unmarshal([]byte(command), &words))
	h.Test = append(h.Test, words...)
	for _, option := range strings.Fields(options) {
		name, value, _ := strings.Cut(option, "=")
		if name == "--retries" {
			require.NoError(t, json.Unmarshal([]byte(value), &h.Retries))
			continue
		}
		d, err := time.ParseDuration(value)
		require.NoError(t, err, option)
		switch name {
		case "--interval":
			h.Interval = d
		case "--timeout":
			h.Timeout = d
		case "--start-period":
			h.StartPeriod = d
		default:
			t.Errorf("HEALTHCHECK has %s, which the image leaves out", option)
		}
	}
	return h
}

func TestImagesStartAsTheDockerfileSays(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"orchestrator", "runner"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := targetNamed(name, sources{})
			require.NoError(t, err)
			assert.Equal(t, described(t, stage(t, name)), got.config)
		})
	}
}

// contents reads an archive as Docker and containerd do.
func contents(t *testing.T, archive string) (*v1.ConfigFile, map[string]*tar.Header) {
	t.Helper()
	image, err := tarball.ImageFromPath(archive, nil)
	require.NoError(t, err)
	config, err := image.ConfigFile()
	require.NoError(t, err)
	files := map[string]*tar.Header{}
	flat := mutate.Extract(image)
	defer flat.Close()
	for r := tar.NewReader(flat); ; {
		h, err := r.Next()
		if err == io.EOF {
			return config, files
		}
		require.NoError(t, err)
		files[strings.TrimSuffix(h.Name, "/")] = h
	}
}

func TestArchiveHoldsTheProgram(t *testing.T) {
	t.Parallel()
	s := complete(t)
	for name, row := range map[string]struct {
		program string
		user    int
	}{"orchestrator": {"hackload", 1001}, "runner": {"k6", 12345}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, err := targetNamed(name, s)
			require.NoError(t, err)
			archive := filepath.Join(t.TempDir(), "image.tar")
			_, err = write(target, tagged(t, "hackload/it:1"), archive)
			require.NoError(t, err)
			config, files := contents(t, archive)
			assert.Equal(t, "linux", config.OS)
			assert.Equal(t, target.config.Entrypoint, config.Config.Entrypoint)
			program, err := os.Stat(s.program)
			require.NoError(t, err)
			assert.Equal(t, program.Size(), files["usr/bin/"+row.program].Size)
			assert.Equal(t, int64(0o1777), files["tmp"].Mode, "others than root write to /tmp")
			owned := slices.DeleteFunc(mapped(files), func(h *tar.Header) bool { return h.Uid != row.user })
			assert.Len(t, owned, 1, "the user has one folder of its own")
		})
	}
}

func mapped(files map[string]*tar.Header) (all []*tar.Header) {
	for _, h := range files {
		all = append(all, h)
	}
	return all
}

func TestRunnerHasTheToolsOfTheOperator(t *testing.T) {
	t.Parallel()
	archive := filepath.Join(t.TempDir(), "image.tar")
	_, err := write(runner(complete(t)), tagged(t, "hackload/runner:1"), archive)
	require.NoError(t, err)
	_, files := contents(t, archive)
	for _, tool := range []string{"sh", "grep", "cat", "mkdir"} {
		assert.Equal(t, "busybox", files["bin/"+tool].Linkname, "the operator's script calls it")
	}
}

// What did not change has the digest that it had, so that nodes keep it.
func TestSameFilesGiveTheSameImage(t *testing.T) {
	t.Parallel()
	s := complete(t)
	first, _, err := build(orchestrator(s))
	require.NoError(t, err)
	later := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(s.program, later, later))
	second, _, err := build(orchestrator(s))
	require.NoError(t, err)
	a, err := first.Digest()
	require.NoError(t, err)
	b, err := second.Digest()
	require.NoError(t, err)
	assert.Equal(t, a, b)
}

func TestImageThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	s := complete(t)
	noise := make([]byte, 1<<20)
	_, err := rand.Read(noise)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.certificates, noise, 0o600))
	for _, row := range []struct {
		name string
		most size
		want string
	}{
		{"unpacked", size{unpacked: 1 << 20}, "(unpacked)"},
		{"compressed", size{compressed: 1 << 20}, "(compressed)"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			large := orchestrator(s)
			large.most = row.most
			archive := filepath.Join(t.TempDir(), "image.tar")
			_, err := write(large, tagged(t, "hackload/it:1"), archive)
			require.ErrorContains(t, err, row.want)
			assert.NoFileExists(t, archive)
		})
	}
	_, measured, err := build(orchestrator(s))
	require.NoError(t, err)
	require.NoError(t, measured.within(measured), "at the limit is not over it")
}
