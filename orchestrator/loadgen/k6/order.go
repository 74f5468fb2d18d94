package k6

import (
	"errors"
	"fmt"
	"strings"
)

// order is a launch's command line, taken apart.
type order struct {
	args     []string // for k6, without the output and the address
	labels   map[string]string
	series   bool   // they are to be written somewhere
	progress string // file
	result   string // file
	summary  string // file
}

// parse reads the arguments that package launch gives a generator.
func parse(args []string) (order, error) {
	if len(args) == 0 || args[0] != "run" {
		return order{}, errors.New("want: run SCRIPT [flags]")
	}
	o := order{labels: map[string]string{}}
	for i := 0; i < len(args); i++ {
		name := args[i]
		if !takesValue(name) {
			if name != "--abort-when-lost" { // k6 knows only a script's own abortOnFail
				o.args = append(o.args, name)
			}
			continue
		}
		if i++; i == len(args) {
			return order{}, fmt.Errorf("flag %s lacks its value", name)
		}
		o.flag(name, args[i])
	}
	return o, nil
}

func takesValue(name string) bool {
	switch name {
	case "--out", "--instance-id", "--progress-file", "--result-file", "--summary-export", "--tag":
		return true
	}
	return false
}

func (o *order) flag(name, value string) {
	switch name {
	case "--out":
		o.series = true
		return
	case "--progress-file":
		o.progress = value
		return
	case "--result-file":
		o.result = value
		return
	case "--instance-id":
		name, value = "--tag", "instance_id="+value
	case "--summary-export":
		o.summary = value
	}
	if k, v, ok := strings.Cut(value, "="); ok && name == "--tag" {
		o.labels[k] = v
	}
	o.args = append(o.args, name, value)
}
