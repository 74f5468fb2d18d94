// Command image writes container images as archives, from a program that is
// built already: for machines without Docker or a registry. What is in an image
// and how it starts is the same as in the Dockerfile's target of that name,
// which a test compares.
//
// In come a target, a name, the archive to write and the static program; out
// comes an archive that both `docker load` and `ctr images import` read, and
// beside it the bill of materials that is in the image, too. The same input
// gives the same digest. Nothing is pulled. An image that is larger
// than its target allows is refused, and then no archive is left behind.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const usage = "usage: image orchestrator|runner|program NAME:TAG ARCHIVE PROGRAM, or image bill FILE PROGRAM [PROGRAM]"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 2 && args[0] == "bill" {
		return writeBill(args[1], args[2:])
	}
	if len(args) != 4 {
		return errors.New(usage)
	}
	t, err := targetNamed(args[0], sourcesOf(args[3]))
	if err != nil {
		return err
	}
	tag, err := name.NewTag(args[1])
	if err != nil {
		return fmt.Errorf("read the image's name: %w", err)
	}
	size, err := write(t, tag, args[2])
	if err != nil {
		return fmt.Errorf("write %s: %w", args[2], err)
	}
	fmt.Printf("%s: %s, %s\n", args[2], args[1], size)
	return nil
}

func write(t target, tag name.Tag, path string) (size, error) {
	image, s, err := build(t)
	if err != nil {
		return s, err
	}
	if err := s.within(t.most); err != nil {
		return s, err
	}
	if err := tarball.WriteToFile(path, tag, image); err != nil {
		return s, errors.Join(err, os.Remove(path))
	}
	return s, writeBill(strings.TrimSuffix(path, ".tar")+".cdx.json", t.programs)
}

func writeBill(path string, programs []string) error {
	body, err := materials(programs)
	if err != nil {
		return err
	}
	return os.WriteFile(path, body, 0o644)
}

// size is what an image takes, in bytes.
type size struct{ unpacked, compressed int64 }

func (s size) String() string {
	const megabyte = 1e6
	return fmt.Sprintf("%.1f MB unpacked, %.1f MB compressed", float64(s.unpacked)/megabyte, float64(s.compressed)/megabyte)
}

// within returns an error if s is larger than most, where most is not zero.
func (s size) within(most size) error {
	var over []string
	if most.unpacked > 0 && s.unpacked > most.unpacked {
		over = append(over, "unpacked")
	}
	if most.compressed > 0 && s.compressed > most.compressed {
		over = append(over, "compressed")
	}
	if over == nil {
		return nil
	}
	return fmt.Errorf("the image takes %s, more than the %s that it may (%s): look for what the program links since", s, most, strings.Join(over, " and "))
}
