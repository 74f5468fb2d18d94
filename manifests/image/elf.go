package main

import (
	"debug/elf"
	"fmt"
)

// architectureOf returns what the programs of an image run on. Nothing is
// installed beside them, so each must be static.
func architectureOf(programs []string) (string, error) {
	var all string
	for _, path := range programs {
		one, err := architecture(path)
		if err != nil {
			return "", err
		}
		if all != "" && one != all {
			return "", fmt.Errorf("%s is for %s, the rest of the image for %s", path, one, all)
		}
		all = one
	}
	return all, nil
}

func architecture(path string) (string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the program %s: %w", path, err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "", fmt.Errorf("%s needs libraries that the image lacks: build it with CGO_ENABLED=0", path)
		}
	}
	switch f.Machine {
	case elf.EM_X86_64:
		return "amd64", nil
	case elf.EM_AARCH64:
		return "arm64", nil
	default:
		return "", fmt.Errorf("%s is for %s, not for amd64 or arm64", path, f.Machine)
	}
}
