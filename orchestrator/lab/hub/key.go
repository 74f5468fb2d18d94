package hub

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// Permissions of a service key.
const (
	TeamsRead        = "teams:read"
	EnvironmentRead  = "environment:read"
	EnvironmentWrite = "environment:write"
	Everything       = "*"
)

// CreateKey makes a service key with the given permissions; with none given it
// gets the Hub's default, EnvironmentWrite alone. Only its hash is kept.
func (h *Hub) CreateKey(ctx context.Context, permissions ...string) (string, error) {
	if len(permissions) == 0 {
		permissions = []string{EnvironmentWrite}
	}
	granted, err := json.Marshal(permissions)
	if err != nil {
		return "", fmt.Errorf("encode permissions: %w", err)
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return "", fmt.Errorf("make key: %w", err)
	}
	key := "sk_" + hex.EncodeToString(secret)
	_, err = h.db.ExecContext(ctx,
		`INSERT INTO service_api_keys (id, key_hash, key_prefix, permissions, created_at) VALUES (?, ?, ?, ?, ?)`,
		newID(), hash(key), key[:11], string(granted), timestamp())
	if err != nil {
		return "", fmt.Errorf("store key: %w", err)
	}
	return key, nil
}

func hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// account is an authenticated caller.
type account struct {
	keyID       string
	permissions []string
}

func (a account) may(permission string) bool {
	return slices.Contains(a.permissions, permission) || slices.Contains(a.permissions, Everything)
}

// authenticate looks the key up and notes that it was used. A failure of the
// database looks like an unknown key, as it does in the Hub.
func (h *Hub) authenticate(ctx context.Context, key string) (account, bool) {
	if key == "" {
		return account{}, false
	}
	var a account
	var permissions string
	err := h.db.QueryRowContext(ctx, `
		UPDATE service_api_keys SET last_used_at = ?1
		WHERE key_hash = ?2 AND is_active AND (expires_at IS NULL OR expires_at > ?1)
		RETURNING id, permissions`, timestamp(), hash(key)).Scan(&a.keyID, &permissions)
	if err != nil || json.Unmarshal([]byte(permissions), &a.permissions) != nil {
		return account{}, false
	}
	return a, true
}

// logUsage adds a row to the key's usage. Its failure changes no answer, as in
// the Hub.
func (h *Hub) logUsage(ctx context.Context, a account, c usage) {
	_, _ = h.db.ExecContext(ctx, `
		INSERT INTO service_api_key_usage (key_id, endpoint, method, user_agent, success, created_at)
		VALUES (?, ?, ?, ?, ?, ?)`, a.keyID, c.endpoint, c.method, c.userAgent, c.success, timestamp())
}

type usage struct {
	endpoint, method, userAgent string
	success                     bool
}
