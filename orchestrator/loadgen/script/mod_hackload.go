package script

import (
	"encoding/json"
	"fmt"

	"github.com/grafana/sobek"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/extension"
)

// exportHackload makes the exports of the module k6/x/hackload, which k6 has
// from the extension xk6-hackload.
func (vm *VM) exportHackload(name string) sobek.Value {
	switch name {
	case "team":
		return vm.rt.ToValue(vm.config.Env["TEAM"])
	case "target":
		return vm.rt.ToValue(vm.config.Env["API_URL"])
	case "users":
		return vm.rt.ToValue(vm.contestUsers)
	case "report":
		return vm.rt.ToValue(vm.shortReport)
	}
	return nil
}

// contestUsers is users(path, most): the contest's users, read once for all VMs.
// Without a path it is the one in USERS_FILE.
func (vm *VM) contestUsers(c sobek.FunctionCall) sobek.Value {
	path := vm.config.Env["USERS_FILE"]
	if given(c.Argument(0)) {
		path = c.Argument(0).String()
	}
	var most int64
	if given(c.Argument(1)) {
		most = c.Argument(1).ToInteger()
	}
	switch {
	case !vm.init:
		vm.throw("users() is only there in the init context: call it outside of functions, before the test")
	case path == "":
		vm.throw("users() needs the path of a file, or the variable USERS_FILE")
	}
	elements, err := vm.program.shared.get(fmt.Sprintf("k6/x/hackload %d %s", most, path), func() ([]string, error) {
		return vm.readUsers(path, int(most))
	})
	if err != nil {
		vm.throw("users file %s: %w", path, err)
	}
	return vm.rt.NewDynamicArray(&sharedArray{vm: vm, elements: elements})
}

func (vm *VM) readUsers(path string, most int) ([]string, error) {
	text, err := vm.readFile(path)
	if err != nil {
		return nil, err
	}
	users, err := extension.ReadUsers(text, most)
	if err != nil {
		return nil, err
	}
	elements := make([]string, len(users))
	for i, u := range users {
		element, err := json.Marshal(u)
		if err != nil {
			return nil, err
		}
		elements[i] = string(element)
	}
	return elements, nil
}

// shortReport is report(data): a short account of what handleSummary was given.
func (vm *VM) shortReport(c sobek.FunctionCall) sobek.Value {
	data, err := vm.json("stringify")(sobek.Undefined(), c.Argument(0))
	if err != nil {
		panic(err)
	}
	text, err := extension.Report([]byte(data.String()), vm.config.Env["TEAM"], vm.config.Env["API_URL"])
	if err != nil {
		vm.throw("%w", err)
	}
	return vm.rt.ToValue(string(text))
}
