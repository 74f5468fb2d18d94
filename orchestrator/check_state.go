package main

import (
	"context"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/store"
)

// checkState asks a state database outside whether it can be reached, and which
// schema it has. It changes nothing there.
func (s *survey) checkState(ctx context.Context, c *config.Config) {
	if !c.State.DatabaseURL.Set() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	found, err := store.Examine(ctx, c.State.DatabaseURL.Reveal())
	switch {
	case err != nil:
		s.problem("state.database_url: %v", err)
	case found.Version == 0:
		s.say("state database: reachable and empty; 'serve' brings it to schema version %d", found.Known)
	case found.Version < found.Known:
		s.say("state database: reachable, schema version %d; 'serve' brings it to %d", found.Version, found.Known)
	default:
		s.say("state database: reachable, schema version %d", found.Version)
	}
	if err == nil && c.Prometheus.URL == "" && !c.Proxied() {
		s.warn("metrics stay in the process, so only one can work on the state database; set PROMETHEUS_URL for several")
	}
}
