package main

import (
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/stretchr/testify/require"
)

func tagged(t *testing.T, text string) name.Tag {
	t.Helper()
	tag, err := name.NewTag(text)
	require.NoError(t, err)
	return tag
}

func TestWrongUse(t *testing.T) {
	t.Parallel()
	s, out := complete(t), filepath.Join(t.TempDir(), "image.tar")
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing", nil, "usage: image"},
		{"no program", []string{"orchestrator", "a:1", out}, "usage: image"},
		{"no such image", []string{"janitor", "a:1", out, s.program}, `there is no image "janitor"`},
		{"name with capitals", []string{"program", "Hackload", out, s.program}, "read the image's name"},
		{"program that is not there", []string{"program", "a:1", out, s.program + "2"}, "no such file"},
		{"program that is text", []string{"program", "a:1", out, s.certificates}, "read the program"},
		{"folder that is not there", []string{"program", "a:1", filepath.Join(out, "x", "y.tar"), s.program}, "write "},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, run(row.args), row.want)
		})
	}
}

func TestShellThatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	s := complete(t)
	s.shell = filepath.Join(t.TempDir(), "busybox")
	_, _, err := build(runner(s))
	require.ErrorContains(t, err, "busybox-static")
}

// header writes the beginning of a program for another machine.
func header(t *testing.T, machine elf.Machine, segments ...elf.ProgType) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	f, err := os.Create(path)
	require.NoError(t, err)
	h := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: uint16(len(segments)),
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	require.NoError(t, binary.Write(f, binary.LittleEndian, h))
	for _, s := range segments {
		require.NoError(t, binary.Write(f, binary.LittleEndian, elf.Prog64{Type: uint32(s)}))
	}
	require.NoError(t, f.Close())
	return path
}

func TestArchitecture(t *testing.T) {
	t.Parallel()
	amd, arm := header(t, elf.EM_X86_64, elf.PT_LOAD), header(t, elf.EM_AARCH64)
	for _, row := range []struct {
		name     string
		programs []string
		want     string
	}{
		{"one", []string{arm}, "arm64"},
		{"two alike", []string{amd, amd}, "amd64"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, err := architectureOf(row.programs)
			require.NoError(t, err)
			require.Equal(t, row.want, got)
		})
	}
	for _, row := range []struct {
		name     string
		programs []string
		want     string
	}{
		{"two that differ", []string{amd, arm}, "is for arm64, the rest of the image for amd64"},
		{"libraries", []string{header(t, elf.EM_X86_64, elf.PT_LOAD, elf.PT_INTERP)}, "build it with CGO_ENABLED=0"},
		{"another machine", []string{header(t, elf.EM_RISCV)}, "not for amd64 or arm64"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			_, err := architectureOf(row.programs)
			require.ErrorContains(t, err, row.want)
		})
	}
}
