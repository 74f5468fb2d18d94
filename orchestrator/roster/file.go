package roster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const maxFile = 1 << 20 // bytes

// File is a YAML file as a source of teams. It is read anew each time, so an
// edit counts at once.
//
//	teams:
//	  - slug: good                # as in the Hub; required
//	    name: Good Team
//	    hackathon: cm1x…          # left out: of every hackathon
//	    endpoint: https://good.example.org
//	    repository: https://github.com/good/tickets
//	    spend: "1200 KZT"
type File struct{ path string }

// NewFile returns the source. It does not read the file yet.
func NewFile(path string) *File { return &File{path} }

// Name names the source by its file's name.
func (f *File) Name() string { return filepath.Base(f.path) }

// Teams returns the teams of a hackathon: those that name it and those that
// name none. All that is wrong with the file is told at once, by line.
func (f *File) Teams(_ context.Context, hackathon string) ([]contest.Team, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("read the teams' file: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the teams' file: %w", err)
	}
	all, err := ParseFile(f.Name(), data)
	if err != nil {
		return nil, err
	}
	teams := make([]contest.Team, 0, len(all))
	for _, t := range all {
		if hackathon == "" || t.HackathonID == "" || t.HackathonID == hackathon {
			teams = append(teams, t)
		}
	}
	return teams, nil
}

// ParseFile reads the teams out of a file's content. Its error joins one per
// problem, each with the file's name, the line and the key.
func ParseFile(name string, data []byte) ([]contest.Team, error) {
	p := parser{file: name, lines: map[contest.Slug]int{}}
	if root := p.document(data); root != nil {
		p.pairs(root, "", func(k, v *yaml.Node) {
			if k.Value != "teams" {
				p.problem(k, quote(k.Value), "is not a key: want teams")
				return
			}
			p.list(v)
		})
	}
	if len(p.problems) > 0 {
		return nil, errors.Join(p.problems...)
	}
	return p.teams, nil
}

// parser collects teams and problems. Problems never quote a value: it may be a
// secret.
type parser struct {
	file     string
	teams    []contest.Team
	lines    map[contest.Slug]int // where each slug stands
	problems []error
}

func (p *parser) problem(n *yaml.Node, key, format string, args ...any) {
	where := p.file
	if n != nil {
		where = fmt.Sprintf("%s:%d", p.file, n.Line)
	}
	if key != "" {
		where += ": " + key
	}
	p.problems = append(p.problems, fmt.Errorf("%s: %s", where, fmt.Sprintf(format, args...)))
}

// document returns the root of the only document, nil where there is none.
func (p *parser) document(data []byte) *yaml.Node {
	if len(data) > maxFile {
		p.problem(nil, "", "is larger than %d bytes", maxFile)
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		p.problem(nil, "", "is empty: want a list of teams")
		return nil
	case err != nil:
		p.problem(nil, "", "is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
		return nil
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		p.problem(nil, "", "holds more than one YAML document")
		return nil
	}
	if len(first.Content) == 0 {
		p.problem(nil, "", "is empty: want a list of teams")
		return nil
	}
	return first.Content[0]
}

func (p *parser) list(n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		p.problem(n, "teams", "is %s, want a list", kind(n))
		return
	}
	for i, item := range n.Content {
		p.team(item, fmt.Sprintf("teams[%d]", i))
	}
}

func (p *parser) team(n *yaml.Node, key string) {
	var t contest.Team
	fields := map[string]*string{
		"slug": (*string)(&t.Slug), "name": &t.Name, "hackathon": &t.HackathonID,
		"endpoint": &t.Endpoint, "repository": &t.Repository, "spend": &t.Spend,
	}
	before := len(p.problems)
	p.pairs(n, key, func(k, v *yaml.Node) {
		into, ok := fields[k.Value]
		switch {
		case !ok:
			p.problem(k, key, "%s is not a key: want slug, name, hackathon, endpoint, repository or spend", quote(k.Value))
		case v.Kind != yaml.ScalarNode:
			p.problem(v, key+"."+k.Value, "is %s, want text", kind(v))
		case v.Tag != "!!null": // a slug or a spend of digits alone is text here
			*into = strings.TrimSpace(v.Value)
		}
	})
	line, twice := p.lines[t.Slug]
	switch {
	case len(p.problems) > before:
	case t.Slug == "":
		p.problem(n, key, "has no slug")
	case !t.Slug.Valid():
		p.problem(n, key+".slug", "is not a slug: want letters, digits, _ and -")
	case twice:
		p.problem(n, key+".slug", "is the slug of the team in line %d too", line)
	default:
		p.lines[t.Slug] = n.Line
		p.teams = append(p.teams, t)
	}
}

// pairs calls each for every key and value of a mapping whose keys are words,
// each there once.
func (p *parser) pairs(n *yaml.Node, key string, each func(k, v *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.problem(n, key, "is %s, want a mapping of keys to values", kind(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch k := n.Content[i]; {
		case k.Kind != yaml.ScalarNode:
			p.problem(k, key, "has a key that is %s, want a word", kind(k))
		case seen[k.Value]:
			p.problem(k, key, "%s is set twice", quote(k.Value))
		default:
			seen[k.Value] = true
			each(k, n.Content[i+1])
		}
	}
}

func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "a reference"
	}
	if n.Tag == "!!null" {
		return "nothing"
	}
	return "a single value"
}
