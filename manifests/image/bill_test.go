package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func billed(t *testing.T, body []byte) map[string]cyclonedx.Component {
	t.Helper()
	var bom cyclonedx.BOM
	require.NoError(t, cyclonedx.NewBOMDecoder(bytes.NewReader(body), cyclonedx.BOMFileFormatJSON).Decode(&bom))
	require.Equal(t, cyclonedx.SpecVersion1_6, bom.SpecVersion)
	all := map[string]cyclonedx.Component{}
	for _, program := range *bom.Components {
		all[program.Name] = program
		if program.Components == nil {
			continue
		}
		for _, part := range *program.Components {
			all[part.Name] = part
		}
	}
	return all
}

// This test is a program that Go built, too.
func TestBillListsWhatIsLinked(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	shell := filepath.Join(t.TempDir(), "busybox")
	require.NoError(t, os.WriteFile(shell, []byte("no program of Go's"), 0o600))
	body, err := materials([]string{self, shell})
	require.NoError(t, err)
	parts := billed(t, body)

	assert.Equal(t, strings.TrimPrefix(runtime.Version(), "go"), parts["std"].Version)
	const registry = "github.com/google/go-containerregistry"
	assert.Regexp(t, `^pkg:golang/github.com/google/go-containerregistry@v[0-9.]+$`, parts[registry].PackageURL)
	assert.Len(t, (*parts[registry].Hashes)[0].Value, 64)
	assert.NotContains(t, parts, "github.com/prometheus/prometheus", "it is in go.mod, but not in this program")
	assert.Equal(t, cyclonedx.ComponentTypeApplication, parts["busybox"].Type)
	assert.Nil(t, parts["busybox"].Components)
	assert.Len(t, (*parts["busybox"].Hashes)[0].Value, 64)

	again, err := materials([]string{self, shell})
	require.NoError(t, err)
	assert.Equal(t, string(body), string(again))
}

func TestEachImageHasItsBill(t *testing.T) {
	t.Parallel()
	s := complete(t)
	for _, row := range []struct{ image, file string }{
		{"orchestrator", "usr/share/sbom/hackload.cdx.json"},
		{"runner", "usr/share/sbom/k6.cdx.json"},
	} {
		t.Run(row.image, func(t *testing.T) {
			t.Parallel()
			archive := filepath.Join(t.TempDir(), "image.tar")
			target, err := targetNamed(row.image, s)
			require.NoError(t, err)
			_, err = write(target, tagged(t, "hackload/it:1"), archive)
			require.NoError(t, err)
			_, files := contents(t, archive)
			require.Contains(t, files, row.file)
			beside, err := os.ReadFile(filepath.Join(filepath.Dir(archive), "image.cdx.json"))
			require.NoError(t, err)
			assert.Equal(t, files[row.file].Size, int64(len(beside)))
			assert.Contains(t, billed(t, beside), "program")
		})
	}
}

func TestBillAlone(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	require.NoError(t, err)
	to := filepath.Join(t.TempDir(), "bill.json")
	require.NoError(t, run([]string{"bill", to, self}))
	body, err := os.ReadFile(to)
	require.NoError(t, err)
	assert.Contains(t, billed(t, body), "std")
	require.ErrorContains(t, run([]string{"bill", to}), "usage: image")
	require.ErrorContains(t, run([]string{"bill", to, self + "2"}), "no such file")
}
