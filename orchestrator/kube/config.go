package kube

import (
	"io/fs"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Config says where and how generators are run. Namespace, Scenarios and Image
// are required.
type Config struct {
	Namespace    string
	Scenarios    fs.FS         // scripts: NAME.js and all that they import
	BlacklistIPs []string      // CIDRs that a script must not reach
	PushInterval time.Duration // between flushes of metrics; zero leaves it to the generator
	Grace        time.Duration // from SIGTERM to SIGKILL, 10 s when zero
	Begin        time.Duration // from the order to the first load, 5 min when zero
	Keep         time.Duration // how long an ended launch stays that nobody removes, 24 h when zero
	Log          *slog.Logger  // nil for nowhere

	Runner
}

// Runner is what one generator is and gets.
type Runner struct {
	Image          string
	PullSecrets    []string
	ServiceAccount string                      // empty: the namespace's default; no token is mounted
	Resources      corev1.ResourceRequirements // zero: see usualResources
	NodeSelector   map[string]string
	Tolerations    []corev1.Toleration
	Separate       bool // no two runners on one node
	Most           int  // runners of one launch, 16 when zero
	// UsersClaim is a PersistentVolumeClaim with users files, mounted read-only at
	// /users, or UsersSecret a Secret.
	UsersClaim, UsersSecret string
}

const (
	defaultGrace   = 10 * time.Second
	defaultBegin   = 5 * time.Minute
	defaultKeep    = 24 * time.Hour
	defaultTimeout = time.Hour
	defaultMost    = 16
)

func (c Config) withDefaults() Config {
	if c.Grace <= 0 {
		c.Grace = defaultGrace
	}
	if c.Begin <= 0 {
		c.Begin = defaultBegin
	}
	if c.Keep <= 0 {
		c.Keep = defaultKeep
	}
	if c.Most <= 0 {
		c.Most = defaultMost
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Resources.Requests == nil && c.Resources.Limits == nil {
		c.Resources = usualResources()
	}
	return c
}
