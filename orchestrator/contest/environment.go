package contest

// EnvironmentKeys lists, in order of preference, the keys of a team's
// environment that hold each thing. An empty list means the default.
type EnvironmentKeys struct {
	Endpoint   []string
	Repository []string
	Spend      []string
}

// DefaultEnvironmentKeys returns the keys of the design document followed by
// the ones that teams really use.
func DefaultEnvironmentKeys() EnvironmentKeys {
	return EnvironmentKeys{
		Endpoint:   []string{"APPLICATION_URL", "ENDPOINT_URL"},
		Repository: []string{"GITHUB_REPOSITORY_URL", "Repo"},
		Spend:      []string{"MONEY_SPEND"},
	}
}

// WithDefaults returns k with the default for each list that is empty.
func (k EnvironmentKeys) WithDefaults() EnvironmentKeys {
	def := DefaultEnvironmentKeys()
	if len(k.Endpoint) == 0 {
		k.Endpoint = def.Endpoint
	}
	if len(k.Repository) == 0 {
		k.Repository = def.Repository
	}
	if len(k.Spend) == 0 {
		k.Spend = def.Spend
	}
	return k
}

// All lists every key once or more.
func (k EnvironmentKeys) All() []string {
	return append(append(append([]string{}, k.Endpoint...), k.Repository...), k.Spend...)
}
