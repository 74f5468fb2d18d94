package manifests

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// policy is a NetworkPolicy, as far as ours go: whole peers, TCP and UDP ports.
type policy struct {
	Metadata struct {
		Namespace string `yaml:"namespace"`
	} `yaml:"metadata"`
	Spec struct {
		PodSelector selector `yaml:"podSelector"`
		Types       []string `yaml:"policyTypes"`
		Ingress     []struct {
			From  []peer `yaml:"from"`
			Ports []port `yaml:"ports"`
		} `yaml:"ingress"`
		Egress []struct {
			To    []peer `yaml:"to"`
			Ports []port `yaml:"ports"`
		} `yaml:"egress"`
	} `yaml:"spec"`
}

type selector struct {
	Labels map[string]string `yaml:"matchLabels"`
}

type peer struct {
	Namespaces *selector `yaml:"namespaceSelector"`
	Pods       *selector `yaml:"podSelector"`
}

type port struct {
	Number int `yaml:"port"`
}

// pod is one of a cluster, as policies see it.
type pod struct {
	namespace string
	labels    map[string]string
	more      map[string]string // of its namespace, besides its name
}

func (s selector) picks(labels map[string]string) bool {
	for k, v := range s.Labels {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// picks tells whether a peer of a policy in a namespace is that pod.
func (p peer) picks(of string, other pod) bool {
	named := maps.Clone(other.more)
	if named == nil {
		named = map[string]string{}
	}
	named["kubernetes.io/metadata.name"] = other.namespace
	switch {
	case p.Namespaces == nil && p.Pods == nil: // a block of addresses
		return false
	case p.Namespaces == nil && other.namespace != of:
		return false
	case p.Namespaces != nil && !p.Namespaces.picks(named):
		return false
	}
	return p.Pods == nil || p.Pods.picks(other.labels)
}

func admits(of string, peers []peer, ports []port, other pod, number int) bool {
	return (len(ports) == 0 || slices.Contains(ports, port{number})) &&
		(len(peers) == 0 || slices.ContainsFunc(peers, func(p peer) bool { return p.picks(of, other) }))
}

// connects tells whether the policies let one pod call another at a port.
func connects(all []policy, from, to pod, number int) bool {
	out, in := true, true
	leaves, enters := false, false
	for _, p := range all {
		if p.Metadata.Namespace == from.namespace && p.Spec.PodSelector.picks(from.labels) && slices.Contains(p.Spec.Types, "Egress") {
			out = false
			for _, rule := range p.Spec.Egress {
				leaves = leaves || admits(from.namespace, rule.To, rule.Ports, to, number)
			}
		}
		if p.Metadata.Namespace == to.namespace && p.Spec.PodSelector.picks(to.labels) && slices.Contains(p.Spec.Types, "Ingress") {
			in = false
			for _, rule := range p.Spec.Ingress {
				enters = enters || admits(to.namespace, rule.From, rule.Ports, from, number)
			}
		}
	}
	return (out || leaves) && (in || enters)
}

// Not every cluster's network obeys policies, so what they say is held against
// the calls that there are, and against some that there must not be.
func TestNetworkPoliciesLetThroughWhatIsNeeded(t *testing.T) {
	t.Parallel()
	var all []policy
	for path, namespace := range map[string]string{
		"base/networkpolicy.yaml": "hub", "components/testruns/networkpolicy.yaml": "hub", "k6-runs/networkpolicy.yaml": "k6-runs",
	} {
		var p policy
		decode(t, path, &p)
		p.Metadata.Namespace = namespace // which the kustomization gives
		all = append(all, p)
	}
	orchestrator := pod{namespace: "hub", labels: map[string]string{"app": "hackload-job-service"}}
	runner := pod{namespace: "k6-runs", labels: map[string]string{"app": "k6", "runner": "true"}}
	operator := pod{namespace: "k6-operator-system"}
	team := pod{namespace: "a-team"}
	open := pod{namespace: "a-team", more: map[string]string{"hackload.kz/reached-by-generators": "true"}}
	for _, row := range []struct {
		name     string
		from, to pod
		port     int
		want     bool
	}{
		{"what was measured", runner, orchestrator, 9091, true},
		{"progress", orchestrator, runner, 6565, true},
		{"the operator looks", operator, runner, 6565, true},
		{"the starter", runner, runner, 6565, true},
		{"names", runner, pod{namespace: "kube-system"}, 53, true},
		{"a team in the cluster", runner, open, 8080, true},
		{"pages", team, orchestrator, 8080, true},
		{"a scrape", pod{namespace: "monitoring", more: map[string]string{"hackload.kz/scrapes-metrics": "true"}}, orchestrator, 9090, true},
		{"a team's word on what was measured", team, orchestrator, 9091, false},
		{"a team scrapes", team, orchestrator, 9090, false},
		{"a script at our pages", runner, orchestrator, 8080, false},
		{"a script at our metrics", runner, orchestrator, 9090, false},
		{"a script at another Pod", runner, pod{namespace: "hub", labels: map[string]string{"app": "hub"}}, 9091, false},
		{"a script at a team not meant", runner, team, 8080, false},
		{"a team stops a generator", team, runner, 6565, false},
		{"somebody else beside us stops a generator", pod{namespace: "hub"}, runner, 6565, false},
	} {
		assert.Equal(t, row.want, connects(all, row.from, row.to, row.port), row.name)
	}
}
