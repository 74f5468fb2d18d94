package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// Hash returns the sha256 of everything that is configured, in hex. Secrets and
// warnings do not enter it.
func (c *Config) Hash() (string, error) { return hashOf(c) }

// RulesHash returns the sha256 of what decides one criterion, in hex: it
// changes when, and only when, its rules do.
func (c *Contest) RulesHash(criterion contest.Criterion) (string, error) {
	return hashOf(struct {
		Criterion contest.Criterion `json:"criterion"`
		Rules     Criterion         `json:"rules"`
		StartsAt  time.Time         `json:"startsAt"`
		EndsAt    time.Time         `json:"endsAt"`
	}{criterion, c.Criteria[criterion], c.StartsAt.UTC(), c.EndsAt.UTC()})
}

// hashOf hashes canonical JSON: encoding/json writes fields in order of
// declaration and map keys in order of name.
func hashOf(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("hash rules: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
