package roster

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// variable is one entry of a team's environment.
type variable struct {
	value  string
	secure bool
}

// fill sets the team's fields from its environment.
func fill(t *contest.Team, k contest.EnvironmentKeys, environment map[string]variable) {
	for _, part := range []struct {
		name string
		into *string
		keys []string
	}{
		{"endpoint", &t.Endpoint, k.Endpoint},
		{"repository", &t.Repository, k.Repository},
		{"spend", &t.Spend, k.Spend},
	} {
		for _, key := range part.keys {
			v := environment[key]
			if v.value = strings.TrimSpace(v.value); v.value == "" {
				continue
			}
			*part.into = v.value
			if v.secure {
				t.Secure = append(t.Secure, part.name)
			}
			break
		}
	}
}

// override reads the named key of a team's k6 variables, the JSON object that
// the organisers pass to their own load generators. Nothing set is no error.
func override(variables []byte, key string) (string, error) {
	if len(variables) == 0 || key == "" {
		return "", nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(variables, &object); err != nil {
		// The cause would quote what may be a secret.
		return "", errors.New("is not a JSON object")
	}
	raw, ok := object[key]
	if !ok || string(raw) == "null" {
		return "", nil
	}
	var value string
	if err := json.Unmarshal(raw, &value); err != nil {
		return "", errors.New("has a " + key + " that is not text")
	}
	return strings.TrimSpace(value), nil
}
