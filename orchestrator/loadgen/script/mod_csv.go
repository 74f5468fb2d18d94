package script

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/grafana/sobek"
)

// exportCSV makes the exports of the module k6/experimental/csv.
func (vm *VM) exportCSV(name string) sobek.Value {
	switch name {
	case "parse":
		return vm.rt.ToValue(vm.parseCSV)
	case "Parser":
		return vm.rt.ToValue(vm.newParser)
	}
	return nil
}

// csvOptions say how a file is read. Lines are counted from 0.
type csvOptions struct {
	delimiter rune
	skipFirst bool
	objects   bool
	from, to  int64 // to is negative for no end
}

func (vm *VM) csvOptions(v sobek.Value) (csvOptions, error) {
	o := csvOptions{delimiter: ',', to: -1}
	if _, isObject := v.(*sobek.Object); !isObject && (sobek.IsUndefined(v) || sobek.IsNull(v)) {
		return o, errors.New("the options are missing: pass {} for none")
	}
	for k, v := range vm.members(v) {
		if !given(v) {
			continue
		}
		switch k {
		case "delimiter":
			r, n := utf8.DecodeRuneInString(v.String())
			if n == 0 || n != len(v.String()) {
				return o, fmt.Errorf("delimiter %.20q is not one character", v.String())
			}
			o.delimiter = r
		case "skipFirstLine":
			o.skipFirst = v.ToBoolean()
		case "asObjects":
			o.objects = v.ToBoolean()
		case "fromLine":
			o.from = v.ToInteger()
		case "toLine":
			if o.to = v.ToInteger(); o.to < 0 {
				return o, fmt.Errorf("toLine %d is below 0", o.to)
			}
		}
	}
	switch {
	case o.from < 0:
		return o, fmt.Errorf("fromLine %d is below 0", o.from)
	case o.to >= 0 && o.from >= o.to:
		return o, fmt.Errorf("fromLine %d is not before toLine %d", o.from, o.to)
	case o.objects && (o.skipFirst || o.from > 0):
		return o, errors.New("asObjects needs the first line: it cannot be with skipFirstLine or fromLine")
	}
	return o, nil
}

// table reads records of a file from its current place on.
type table struct {
	vm      *VM
	file    *file
	start   int64
	reader  *csv.Reader
	options csvOptions
	header  []string
	line    int64 // of the next record
}

// newTable begins to read: it skips and takes the header, if it is to.
func (vm *VM) newTable(from, options sobek.Value) (*table, error) {
	f, ok := exported[*file](from)
	if !ok {
		return nil, errors.New("a File of k6/experimental/fs is needed")
	}
	o, err := vm.csvOptions(options)
	if err != nil {
		return nil, err
	}
	t := &table{vm: vm, file: f, start: f.at, options: o, reader: csv.NewReader(bytes.NewReader(f.data[f.at:]))}
	t.reader.Comma = o.delimiter
	if o.objects {
		if t.header, err = t.record(); err != nil {
			return nil, fmt.Errorf("read the header: %w", err)
		}
		return t, nil
	}
	skip := o.from
	if o.skipFirst {
		skip = max(skip, 1)
	}
	for t.line < skip {
		if _, err := t.record(); err != nil {
			return nil, fmt.Errorf("skip to line %d: %w", skip, err)
		}
	}
	return t, nil
}

func (t *table) record() ([]string, error) {
	record, err := t.reader.Read()
	t.line++
	t.file.at = t.start + t.reader.InputOffset()
	return record, err
}

// next returns the next record as a list, or as an object by the header.
func (t *table) next() (any, error) {
	if t.options.to >= 0 && t.line > t.options.to {
		return []string(nil), io.EOF
	}
	record, err := t.record()
	if err != nil || t.header == nil {
		return record, err
	}
	named := make(map[string]string, len(record))
	for i, name := range t.header {
		named[name] = record[i]
	}
	return named, nil
}

// parseCSV is csv.parse(file, options): a SharedArray of all records.
func (vm *VM) parseCSV(c sobek.FunctionCall) sobek.Value {
	return vm.promise(func() any {
		t, err := vm.newTable(c.Argument(0), c.Argument(1))
		if err != nil {
			panic(vm.rt.NewTypeError("csv.parse: %s", err))
		}
		key := fmt.Sprintf("\x00csv %s %d %+v", t.file.path, t.start, t.options)
		elements, err := vm.program.shared.get(key, t.rest)
		if err != nil {
			vm.throw("csv.parse %s: %w", t.file.path, err)
		}
		t.file.at = int64(len(t.file.data))
		return vm.rt.NewDynamicArray(&sharedArray{vm: vm, elements: elements})
	})
}

// rest returns all records that are left, as JSON.
func (t *table) rest() ([]string, error) {
	elements := []string{}
	for {
		record, err := t.next()
		if errors.Is(err, io.EOF) {
			return elements, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read line %d: %w", t.line, err)
		}
		b, err := json.Marshal(record)
		if err != nil {
			return nil, fmt.Errorf("keep line %d: %w", t.line, err)
		}
		elements = append(elements, string(b))
	}
}

// newParser is new csv.Parser(file, options).
func (vm *VM) newParser(c sobek.ConstructorCall) *sobek.Object {
	if !vm.init {
		vm.throw("new csv.Parser() is only there in the init context")
	}
	t, err := vm.newTable(c.Argument(0), c.Argument(1))
	if err != nil {
		panic(vm.rt.NewTypeError("new csv.Parser: %s", err))
	}
	return object(vm, "Parser", t, func() methods[*table] { return methods[*table]{"next": (*table).promiseNext} })
}

func (t *table) promiseNext(sobek.FunctionCall) any {
	return t.vm.promise(func() any {
		record, err := t.next()
		done := errors.Is(err, io.EOF)
		if err != nil && !done {
			t.vm.throw("read line %d of %s: %w", t.line, t.file.path, err)
		}
		out := t.vm.rt.NewObject()
		_ = out.Set("done", done)
		switch r := record.(type) {
		case map[string]string:
			_ = out.Set("value", r)
		case []string:
			_ = out.Set("value", t.vm.rt.NewArray(anys(r)...))
		}
		return out
	})
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
