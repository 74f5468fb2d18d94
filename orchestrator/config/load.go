package config

import (
	"embed"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed contest.yaml contest.dev.yaml contest.hackload-2025.yaml
var shipped embed.FS

// Source is where a configuration comes from. Everything is optional; the zero
// value gives the defaults.
type Source struct {
	Name string // of the configuration file, for messages and relative paths
	Data []byte // its content
	// ReadFile reads the contest file that the configuration names.
	ReadFile func(path string) ([]byte, error)
	// Getenv returns a variable of the environment, empty when it is not set.
	Getenv func(name string) string
	// Flags are values from the command line by key ("state.dir"); they win.
	Flags map[string]string
}

// contestRef says where the contest's rules stand: in a file, under the name of
// a shipped one, or inside the configuration file.
type contestRef struct {
	Name string
	node *yaml.Node
}

func (r *contestRef) setNode(n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		*r = contestRef{Name: "inline", node: n}
	case yaml.ScalarNode:
		*r = contestRef{Name: n.Value}
	default:
		return fmt.Errorf("is %s, want the path of a contest.yaml or its content", kindName(n))
	}
	return nil
}

// UnmarshalText takes the path of a contest file or the name of a shipped one.
func (r *contestRef) UnmarshalText(text []byte) error {
	*r = contestRef{Name: string(text)}
	return nil
}

// MarshalText writes where the contest's rules came from.
func (r contestRef) MarshalText() ([]byte, error) { return []byte(r.Name), nil }

// Load returns the configuration that the sources give together, or an error
// that joins every [Problem] found in them.
func Load(src Source) (*Config, error) {
	c := Default()
	d := &decoder{file: orElse(src.Name, "hackload.yaml"), zone: time.UTC}
	if root := d.parseFile(src.Data); root != nil {
		d.value(root, reflect.ValueOf(c).Elem(), "")
	}
	problems := d.problems
	if src.Getenv != nil {
		problems = append(problems, applyEnv(c, src.Getenv)...)
	}
	for _, key := range sortedKeys(src.Flags) {
		if err := c.set(key, src.Flags[key]); err != nil {
			problems = append(problems, Problem{"flag " + key, "", err.Error()})
		}
	}
	rules, err := loadContest(c.ContestFile, src)
	if err != nil {
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	c.Contest = rules
	c.Grafana.deriveURL()
	return c, nil
}

func loadContest(ref contestRef, src Source) (*Contest, error) {
	if ref.node != nil {
		d := &decoder{file: orElse(src.Name, "hackload.yaml")}
		return decodeContest(d, ref.node, "contest")
	}
	if !strings.ContainsAny(ref.Name, "./\\") {
		rules, err := Shipped(orElse(ref.Name, "default"))
		if err != nil {
			return nil, Problem{orElse(src.Name, "hackload.yaml"), "contest", err.Error()}
		}
		return rules, nil
	}
	path := ref.Name
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(src.Name), path)
	}
	if src.ReadFile == nil {
		return nil, Problem{path, "contest", "cannot be read here"}
	}
	data, err := src.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read contest: %w", err)
	}
	return ParseContest(path, data)
}

// Shipped returns one of the contests that are built in: "default" (the design
// card), "hackload-2025" (as scored on the day) or "dev" (scaled to a laptop).
func Shipped(name string) (*Contest, error) {
	file := "contest." + name + ".yaml"
	if name == "default" {
		file = "contest.yaml"
	}
	data, err := shipped.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("shipped contest %s", unknown(name, []string{"default", "hackload-2025", "dev"}))
	}
	return ParseContest(file, data)
}

// ParseContest reads a contest.yaml; name is for messages. A criterion that it
// does not name is not judged. What a criterion leaves out has the default:
// three repeats, the sum of the levels passed, the latest result.
func ParseContest(name string, data []byte) (*Contest, error) {
	d := &decoder{file: name}
	return decodeContest(d, d.parseFile(data), "")
}

func decodeContest(d *decoder, root *yaml.Node, key string) (*Contest, error) {
	c := newContest()
	if err := setZone(&c.Timezone, "Asia/Almaty"); err != nil {
		d.problem(nil, key, "%v", err)
	}
	if root != nil {
		d.zone = zoneOf(root, c.Timezone)
		d.value(root, reflect.ValueOf(c).Elem(), key)
	}
	fillCriteria(c.Criteria)
	for _, name := range c.Criteria.keyNames() {
		d.checkCriterion(root, join(key, "criteria."+name), c.Criteria, name)
	}
	if len(d.problems) > 0 {
		return nil, errors.Join(d.problems...)
	}
	return c, nil
}

// zoneOf looks ahead for the timezone, which the times before it need too.
func zoneOf(root *yaml.Node, otherwise *time.Location) *time.Location {
	zone := otherwise
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == "timezone" {
			_ = setZone(&zone, root.Content[i+1].Value) // reported when it is decoded
		}
	}
	return zone
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
