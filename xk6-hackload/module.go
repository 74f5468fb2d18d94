package hackload

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/grafana/sobek"
	"go.k6.io/k6/v2/js/common"
	"go.k6.io/k6/v2/js/modules"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/extension"
)

// module is k6/x/hackload; all virtual users share the users that were read.
type module struct {
	mu     sync.Mutex
	shared map[string][]string // each user as JSON
}

// NewModuleInstance makes the module for one virtual user.
func (m *module) NewModuleInstance(vu modules.VU) modules.Instance {
	i := &instance{module: m, vu: vu}
	if env := vu.InitEnv(); env != nil {
		i.env = env.RuntimeOptions.Env
	}
	return i
}

type instance struct {
	*module
	vu  modules.VU
	env map[string]string
}

// Exports are what scripts import by name, or as the default.
func (i *instance) Exports() modules.Exports {
	all := map[string]any{"team": i.env["TEAM"], "target": i.env["API_URL"], "users": i.users, "report": i.report}
	return modules.Exports{Default: all, Named: all}
}

// users is users(path, most).
func (i *instance) users(c sobek.FunctionCall) sobek.Value {
	path, most := i.env["USERS_FILE"], 0
	if given(c.Argument(0)) {
		path = c.Argument(0).String()
	}
	if given(c.Argument(1)) {
		most = int(c.Argument(1).ToInteger())
	}
	env := i.vu.InitEnv()
	switch {
	case env == nil || i.vu.State() != nil:
		i.throw(errors.New("users() is only there in the init context: call it outside of functions, before the test"))
	case path == "":
		i.throw(errors.New("users() needs the path of a file, or the variable USERS_FILE"))
	}
	elements, err := i.read(env, path, most)
	if err != nil {
		i.throw(fmt.Errorf("users file %s: %w", path, err))
	}
	return i.vu.Runtime().NewDynamicArray(&list{rt: i.vu.Runtime(), elements: elements})
}

// read reads a file once for all virtual users.
func (i *instance) read(env *common.InitEnvironment, path string, most int) ([]string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	key := fmt.Sprintf("%d %s", most, path)
	if have, ok := i.shared[key]; ok {
		return have, nil
	}
	file, err := env.FileSystems["file"].Open(env.GetAbsFilePath(path))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, extension.MaxUsersFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > extension.MaxUsersFile {
		return nil, fmt.Errorf("it is longer than %d bytes", extension.MaxUsersFile)
	}
	users, err := extension.ReadUsers(text, most)
	if err != nil {
		return nil, err
	}
	elements := make([]string, len(users))
	for n, u := range users {
		element, err := json.Marshal(u)
		if err != nil {
			return nil, err
		}
		elements[n] = string(element)
	}
	i.shared[key] = elements
	return elements, nil
}

// report is report(data).
func (i *instance) report(c sobek.FunctionCall) sobek.Value {
	data, err := json.Marshal(c.Argument(0).Export())
	if err != nil {
		i.throw(err)
	}
	text, err := extension.Report(data, i.env["TEAM"], i.env["API_URL"])
	if err != nil {
		i.throw(err)
	}
	return i.vu.Runtime().ToValue(string(text))
}

func (i *instance) throw(err error) { common.Throw(i.vu.Runtime(), err) }

func given(v sobek.Value) bool { return !sobek.IsUndefined(v) && !sobek.IsNull(v) }

// list is a virtual user's view of the users: read when asked for, and not to be
// changed.
type list struct {
	rt       *sobek.Runtime
	elements []string
}

func (l *list) Len() int { return len(l.elements) }

func (l *list) Get(n int) sobek.Value {
	if n < 0 || n >= len(l.elements) {
		return sobek.Undefined()
	}
	var u extension.User
	if err := json.Unmarshal([]byte(l.elements[n]), &u); err != nil {
		common.Throw(l.rt, err)
	}
	obj := l.rt.NewObject()
	for name, value := range map[string]string{"email": u.Email, "password": u.Password, "authorization": u.Authorization} {
		_ = obj.DefineDataProperty(name, l.rt.ToValue(value), sobek.FLAG_FALSE, sobek.FLAG_FALSE, sobek.FLAG_TRUE)
	}
	return obj
}

func (l *list) Set(int, sobek.Value) bool { panic(l.rt.NewTypeError("users cannot be changed")) }

func (l *list) SetLen(int) bool { panic(l.rt.NewTypeError("users cannot be changed")) }
