package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/hackload-kz/hackload/orchestrator/web"
)

// operation is one method of one path in the API's document.
type operation struct {
	method, path string
	at           string // JSON pointer to it
	guarded      bool   // needs the token
	example      string // body of a change; empty: takes none
	asked        string // path with its parameters' examples in it
	answers      *regexp.Regexp
}

// document is the API's description, made strict: where it lists an object's
// fields, there may be no others.
type document struct {
	operations []operation
	schemas    *jsonschema.Compiler
	raw        any
	mu         sync.Mutex // the compiler is for one at a time
}

// described is read once: compiling schemas takes longer than most tests.
var described = sync.OnceValues(readDocument)

func readDocument() (*document, error) {
	raw, err := jsonschema.UnmarshalJSON(bytes.NewReader(web.Document()))
	if err != nil {
		return nil, err
	}
	d := &document{raw: raw, schemas: jsonschema.NewCompiler()}
	d.schemas.DefaultDraft(jsonschema.Draft2020)
	d.schemas.AssertFormat()
	d.read(gjson.ParseBytes(web.Document()))
	seal(raw)
	return d, d.schemas.AddResource("mem:///openapi.json", raw)
}

func (d *document) read(doc gjson.Result) {
	for path, methods := range doc.Get("paths").Map() {
		for method, op := range methods.Map() {
			asked, pattern := path, regexp.QuoteMeta(path)
			for _, p := range op.Get("parameters").Array() {
				if ref := p.Get("$ref").String(); ref != "" {
					p = doc.Get(strings.ReplaceAll(strings.TrimPrefix(ref, "#/"), "/", "."))
				}
				name := "{" + p.Get("name").String() + "}"
				asked = strings.ReplaceAll(asked, name, p.Get("example").String())
				pattern = strings.ReplaceAll(pattern, regexp.QuoteMeta(name), "[^/]+")
			}
			d.operations = append(d.operations, operation{
				method: strings.ToUpper(method), path: path, asked: asked, guarded: op.Get("security").Exists(),
				at:      "#/paths/" + pointer(path) + "/" + method,
				example: op.Get(`requestBody.content.application/json.example`).Raw,
				answers: regexp.MustCompile("^" + pattern + "$"),
			})
		}
	}
	slices.SortFunc(d.operations, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
}

func pointer(key string) string {
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

// seal forbids fields that are not described, in every schema below node that
// stands for a value. A part of an allOf sees only its own fields, so the whole
// is sealed and not the part.
func seal(node any) {
	switch n := node.(type) {
	case []any:
		for _, one := range n {
			seal(one)
		}
	case map[string]any:
		for key, below := range n {
			seal(below)
			switch inner, _ := below.(map[string]any); key {
			case "properties":
				for _, value := range inner {
					sealValue(value)
				}
			case "schema", "items", "additionalProperties":
				sealValue(below)
			}
		}
	}
}

func sealValue(node any) {
	schema, ok := node.(map[string]any)
	if _, open := schema["additionalProperties"]; ok && !open && len(schema) > 0 {
		schema["unevaluatedProperties"] = false
	}
}

// validate holds a JSON value against the schema at a pointer of the document.
func (d *document) validate(at string, value string) error {
	d.mu.Lock() // compiling one schema goes on with those that it refers to
	defer d.mu.Unlock()
	schema, err := d.schemas.Compile("mem:///openapi.json" + at)
	if err != nil {
		return err
	}
	parsed, err := jsonschema.UnmarshalJSON(strings.NewReader(value))
	if err != nil {
		return err
	}
	return schema.Validate(parsed)
}

// find follows a pointer, and one reference where it leads to one.
func (d *document) find(at string) (map[string]any, string) {
	node := d.raw
	for key := range strings.SplitSeq(strings.TrimPrefix(at, "#/"), "/") {
		m, _ := node.(map[string]any)
		node = m[strings.ReplaceAll(strings.ReplaceAll(key, "~1", "/"), "~0", "~")]
	}
	m, _ := node.(map[string]any)
	if ref, ok := m["$ref"].(string); ok {
		return d.find(ref)
	}
	return m, at
}

// agrees tells whether the document describes an answer of the API. Of other
// answers it says nothing.
func agrees(method, path string, got page) error {
	d, err := described()
	if err != nil {
		return err
	}
	kind, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	i := slices.IndexFunc(d.operations, func(o operation) bool { return o.method == method && o.answers.MatchString(path) })
	if i < 0 {
		switch {
		case kind == "application/json" && got.code >= http.StatusBadRequest:
			return d.validate("#/components/schemas/Error", got.body)
		case strings.HasPrefix(path, "/api/") && got.code < http.StatusBadRequest:
			return fmt.Errorf("no such operation is described")
		}
		return nil
	}
	answer, at := d.find(d.operations[i].at + "/responses/" + strconv.Itoa(got.code))
	if answer == nil && got.code >= http.StatusInternalServerError {
		answer, at = d.find(d.operations[i].at + "/responses/default")
	}
	if answer == nil {
		return fmt.Errorf("the answer %d is not described", got.code)
	}
	if content, _ := answer["content"].(map[string]any); content[kind] == nil {
		return fmt.Errorf("answers of the type %q are not described", kind)
	}
	if kind != "application/json" {
		return nil
	}
	return d.validate(at+"/content/application~1json/schema", got.body)
}

func TestDocumentDescribesWhatIsServed(t *testing.T) {
	t.Parallel()
	d, err := described()
	require.NoError(t, err)
	var documented []string
	for _, o := range d.operations {
		documented = append(documented, o.method+" "+o.path)
	}
	assert.ElementsMatch(t, web.Patterns(operated().config()), documented)
}

func TestDocumentIsWellFormed(t *testing.T) {
	t.Parallel()
	doc := gjson.ParseBytes(web.Document())
	assert.Equal(t, strconv.Itoa(web.SchemaVersion), doc.Get("info.version").String())
	d, err := described()
	require.NoError(t, err)
	ids := map[string]bool{}
	for _, o := range d.operations {
		op, _ := d.find(o.at)
		id, _ := op["operationId"].(string)
		assert.NotEmpty(t, id, o.at)
		assert.False(t, ids[id], "%s names two operations", id)
		ids[id] = true
		assert.NotEmpty(t, op["summary"], o.at)
		assert.NotContains(t, o.asked, "{", "a parameter of the path has no example")
		assert.Equal(t, o.method != http.MethodGet, o.example != "", "%s: a change has a body, a read has none", o.at)
		if o.example != "" {
			assert.NoError(t, d.validate(o.at+"/requestBody/content/application~1json/schema", o.example), o.at)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(doc.Get("components.schemas").Map())) {
		d.mu.Lock()
		_, err := d.schemas.Compile("mem:///openapi.json#/components/schemas/" + name)
		d.mu.Unlock()
		assert.NoError(t, err, name)
		assert.Contains(t, string(web.Document()), `"#/components/schemas/`+name+`"`, "nothing uses it")
	}
}

// Every operation does what its description says, asked with its own examples.
func TestEveryOperationAsItIsDescribed(t *testing.T) {
	t.Parallel()
	d, err := described()
	require.NoError(t, err)
	for _, o := range d.operations {
		t.Run(o.method+" "+o.path, func(t *testing.T) {
			t.Parallel()
			base := start(t, web.New(operated().config()))
			got := send(t, o.method, base+o.asked, token, o.example)
			require.Equal(t, http.StatusOK, got.code, got.body)
			without := send(t, o.method, base+o.asked, "", o.example)
			if !o.guarded {
				assert.Equal(t, http.StatusOK, without.code)
				return
			}
			assert.Equal(t, http.StatusUnauthorized, without.code)
			assert.Equal(t, "Bearer", without.header.Get("WWW-Authenticate"))
			if o.example == "" {
				return
			}
			for _, field := range []string{"who", "why"} {
				checkNeeds(t, d, o, base, field)
			}
		})
	}
}

// checkNeeds asks without a field: what the document requires is refused then.
func checkNeeds(t *testing.T, d *document, o operation, base, field string) {
	t.Helper()
	var body map[string]any
	require.NoError(t, json.Unmarshal([]byte(o.example), &body))
	delete(body, field)
	less, err := json.Marshal(body)
	require.NoError(t, err)
	want := http.StatusOK
	if d.validate(o.at+"/requestBody/content/application~1json/schema", string(less)) != nil {
		want = http.StatusBadRequest
	}
	got := send(t, o.method, base+o.asked, token, string(less))
	assert.Equal(t, want, got.code, "without %s: %s", field, got.body)
	if want != http.StatusOK {
		assert.Contains(t, gjson.Get(got.body, "error").String(), field)
	}
}
