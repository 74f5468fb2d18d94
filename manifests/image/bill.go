package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
)

// bill is the file of an image that says what its programs are made of.
type bill struct {
	to       string
	programs []string
}

func (b bill) header() (tar.Header, []byte, error) {
	body, err := materials(b.programs)
	return tar.Header{Typeflag: tar.TypeReg, Name: b.to, Mode: 0o644, Size: int64(len(body))}, body, err
}

// materials is the bill of materials of programs, in CycloneDX. Of one that Go
// built it lists the modules in it, from what the toolchain wrote into it; of
// another, only which file it is. It has no time and no number of its own, so
// the same programs give the same bill.
func materials(programs []string) ([]byte, error) {
	var parts []cyclonedx.Component
	for _, path := range programs {
		part, err := describeProgram(path)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	bom := cyclonedx.NewBOM()
	bom.Components = &parts
	var out bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&out, cyclonedx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cyclonedx.SpecVersion1_6); err != nil {
		return nil, fmt.Errorf("write the bill of materials: %w", err)
	}
	return out.Bytes(), nil
}

func describeProgram(path string) (cyclonedx.Component, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return cyclonedx.Component{}, fmt.Errorf("read the program %s: %w", path, err)
	}
	sum := sha256.Sum256(body)
	c := cyclonedx.Component{
		Type: cyclonedx.ComponentTypeApplication, Name: filepath.Base(path),
		Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
	}
	info, err := buildinfo.Read(bytes.NewReader(body))
	if err != nil { // not Go's
		return c, nil
	}
	c.Version = info.Main.Version
	c.BOMRef, c.PackageURL = "pkg:golang/"+info.Path, packageURL(info.Main.Path, info.Main.Version)
	within := []cyclonedx.Component{library(debug.Module{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")})}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		within = append(within, library(*m))
	}
	c.Components = &within
	var settings []cyclonedx.Property
	for _, s := range info.Settings {
		settings = append(settings, cyclonedx.Property{Name: "go:build:" + s.Key, Value: s.Value})
	}
	c.Properties = &settings
	return c, nil
}

// library is a module. Its hash is that of go.sum: of all names and files.
func library(m debug.Module) cyclonedx.Component {
	c := cyclonedx.Component{Type: cyclonedx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: packageURL(m.Path, m.Version)}
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && len(sum) == sha256.Size {
		c.Hashes = &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
	}
	return c
}

func packageURL(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}
