package config

import (
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// HubDatabase is the Hub's PostgreSQL, which is read when its API does not say
// who takes part. Without a URL it is left alone.
type HubDatabase struct {
	URL      Secret           `yaml:"url" json:"url"` // holds a password
	PoolSize int              `yaml:"pool_size" json:"poolSize" min:"1" max:"100"`
	Timeout  contest.Duration `yaml:"timeout" json:"timeout"` // of one reading
	// EndpointVariable is the key of a team's k6EnvironmentVars that stands in
	// for its own endpoint where the organisers set it, for example API_URL.
	// Empty: they are not looked at, so that all sources say the same.
	EndpointVariable string `yaml:"endpoint_variable" json:"endpointVariable"`
}

// Teams is where teams are read beside the Hub.
type Teams struct {
	File string `yaml:"file" json:"file"` // YAML; empty: there is none
}

func defaultHubDatabase() HubDatabase {
	return HubDatabase{PoolSize: 5, Timeout: duration(30 * time.Second)}
}

// sourceSettings are the variables of the teams' sources.
func sourceSettings() []setting {
	return []setting{
		{Env: "DATABASE_URL", Keys: one("hub_database.url")},
		{Env: "DB_POOL_SIZE", Keys: one("hub_database.pool_size")},
		{Env: "DB_TIMEOUT", Keys: one("hub_database.timeout")},
		{Env: "HACKLOAD_TEAMS_FILE", Keys: one("teams.file")},
	}
}

// check reports a state database that is the Hub's: it would be written to.
func (h HubDatabase) check(state Secret) []string {
	var problems []string
	if h.Timeout <= 0 {
		problems = append(problems, "hub_database.timeout must be longer than nothing")
	}
	if h.URL.Set() && h.URL.Reveal() == state.Reveal() {
		problems = append(problems, "hub_database.url and state.database_url are the same: the Hub's database is only read, give the state one of its own")
	}
	return problems
}
