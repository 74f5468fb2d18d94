package config

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// Problem is one thing wrong with a file, a variable or a flag.
type Problem struct {
	Where string // "hackload.yaml:12", "variable API_TIMEOUT" or "flag state.dir"
	Key   string // "services.git-monitor.interval"; empty for the whole file
	Text  string
}

// Error writes the problem as one line: "hackload.yaml:12: hub.url: …".
func (p Problem) Error() string {
	if p.Key == "" {
		return p.Where + ": " + p.Text
	}
	return p.Where + ": " + p.Key + ": " + p.Text
}

// decoder fills Go values from YAML nodes strictly and collects what is wrong,
// instead of stopping at the first. yaml.v3's own strict mode names neither the
// key nor what would have been allowed.
type decoder struct {
	file     string
	zone     *time.Location // of times without an offset
	problems []error
}

// keyed is a map whose keys come from a closed set.
type keyed interface {
	canonicalKey(name string) (string, error)
	keyNames() []string
}

// noder is a value that wants its node as it stands in the file.
type noder interface{ setNode(n *yaml.Node) error }

func (d *decoder) problem(n *yaml.Node, key, format string, args ...any) {
	where := d.file
	if n != nil {
		where = fmt.Sprintf("%s:%d", d.file, n.Line)
	}
	d.problems = append(d.problems, Problem{where, key, fmt.Sprintf(format, args...)})
}

// parseFile returns the only document of a file, nil when it is empty.
func (d *decoder) parseFile(data []byte) *yaml.Node {
	if len(data) > maxFile {
		d.problem(nil, "", "is larger than %d bytes", maxFile)
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		d.problem(nil, "", "is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
		return nil
	}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		d.problem(nil, "", "holds more than one YAML document")
		return nil
	}
	if len(doc.Content) == 0 {
		return nil
	}
	return doc.Content[0]
}

// value decodes n into v, which already holds the default. A null leaves it.
func (d *decoder) value(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	if special, ok := v.Addr().Interface().(noder); ok {
		if err := special.setNode(n); err != nil {
			d.problem(n, key, "%v", err)
		}
		return
	}
	switch {
	case isScalar(v):
		d.scalar(n, v, key)
	case v.Kind() == reflect.Struct:
		d.structure(n, v, key)
	case v.Kind() == reflect.Map:
		d.mapping(n, v, key)
	case v.Kind() == reflect.Slice:
		d.sequence(n, v, key)
	default:
		d.problem(n, key, "cannot be set from a file")
	}
}

func isScalar(v reflect.Value) bool {
	switch v.Interface().(type) {
	case time.Time, *time.Location, encoding.TextMarshaler:
		return true
	}
	switch v.Kind() {
	case reflect.Struct, reflect.Map, reflect.Slice:
		return false
	}
	return true
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.ScalarNode {
		d.problem(n, key, "is %s, want %s", kindName(n), wanted(v.Type()))
		return
	}
	if v.Type() == reflect.TypeFor[string]() && n.Tag != "!!str" {
		d.problem(n, key, "%s is not text: write it in quotes", n.Value)
		return
	}
	if err := setText(v, n.Value, d.zone); err != nil {
		d.problem(n, key, "%v", err)
	}
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, key string) {
	fields := map[string]int{}
	var names []string
	for i := range v.NumField() {
		if name := yamlName(v.Type().Field(i)); name != "" {
			fields[name] = i
			names = append(names, name)
		}
	}
	d.pairs(n, key, func(k, value *yaml.Node) {
		i, ok := fields[k.Value]
		if !ok {
			d.problem(k, join(key, k.Value), "%s", unknown(k.Value, names))
			return
		}
		d.value(value, v.Field(i), join(key, k.Value))
		d.checkTags(value, v.Type().Field(i), v.Field(i), join(key, k.Value))
	})
}

func (d *decoder) checkTags(n *yaml.Node, f reflect.StructField, v reflect.Value, key string) {
	if n.Tag == "!!null" {
		return
	}
	if err := checkTags(f, v); err != nil {
		d.problem(n, key, "%v", err)
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, key string) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	d.pairs(n, key, func(k, value *yaml.Node) {
		name := k.Value
		if closed, ok := v.Interface().(keyed); ok {
			canonical, err := closed.canonicalKey(name)
			if err != nil {
				d.problem(k, join(key, name), "%s", unknown(name, closed.keyNames()))
				return
			}
			name = canonical
		}
		index := reflect.ValueOf(name).Convert(v.Type().Key())
		element := reflect.New(v.Type().Elem()).Elem()
		if old := v.MapIndex(index); old.IsValid() {
			element.Set(old)
		}
		d.value(value, element, join(key, name))
		v.SetMapIndex(index, element)
	})
}

// pairs calls each for every key and value of a mapping; a key that comes twice
// is a problem.
func (d *decoder) pairs(n *yaml.Node, key string, each func(k, v *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.problem(n, key, "is %s, want a mapping of keys to values", kindName(n))
		return
	}
	var seen []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind != yaml.ScalarNode {
			d.problem(k, key, "has a key that is %s, want a word", kindName(k))
			continue
		}
		if slices.Contains(seen, k.Value) {
			d.problem(k, join(key, k.Value), "is set twice")
			continue
		}
		seen = append(seen, k.Value)
		each(k, n.Content[i+1])
	}
}

func (d *decoder) sequence(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.SequenceNode {
		d.problem(n, key, "is %s, want a list", kindName(n))
		return
	}
	list := reflect.MakeSlice(v.Type(), 0, len(n.Content))
	for i, item := range n.Content {
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(item, element, fmt.Sprintf("%s[%d]", key, i))
		list = reflect.Append(list, element)
	}
	v.Set(list)
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

func yamlName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if name == "-" {
		return ""
	}
	return name
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		return fmt.Sprintf("%q", n.Value)
	}
	return "an alias"
}
