package script

import (
	"context"
	"errors"
	"fmt"

	"github.com/grafana/sobek"
)

// Summarise calls the script's handleSummary with the summary's data in JSON and
// returns what it wants written: contents by file name, stdout and stderr among
// them. There is no map when there is nothing that it returned. The error names
// contents that are neither text nor bytes; the others are returned with it.
func (vm *VM) Summarise(ctx context.Context, data string) (files map[string][]byte, err error) {
	if !vm.Has("handleSummary") {
		return nil, nil
	}
	vm.tags, vm.group = vm.config.Tags, ""
	var wrong error
	err = vm.within(ctx, func() error {
		v, err := vm.invoke(ctx, "handleSummary", vm.dataValue(data))
		if err != nil || !given(v) {
			return err
		}
		files, wrong = vm.contents(v)
		return nil
	})
	vm.addTraffic()
	return files, errors.Join(err, wrong)
}

func (vm *VM) contents(v sobek.Value) (files map[string][]byte, wrong error) {
	obj, isObject := v.(*sobek.Object)
	if isObject {
		_, isFunction := sobek.AssertFunction(v)
		isObject = !isFunction && obj.ClassName() != "Array"
	}
	if !isObject {
		return nil, errors.New("want an object of texts by file name")
	}
	files = map[string][]byte{}
	for _, name := range obj.Keys() {
		content := obj.Get(name)
		if text, ok := content.(sobek.String); ok {
			files[name] = []byte(text.String())
		} else if b, ok := vm.binary(content); ok {
			files[name] = append([]byte{}, b...)
		} else {
			wrong = errors.Join(wrong, fmt.Errorf("the content for %.200s is neither text nor bytes", name))
		}
	}
	return files, wrong
}
