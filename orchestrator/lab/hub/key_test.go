package hub

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	h, err := Open(filepath.Join(t.TempDir(), "hub.db"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, h.Close()) })
	for _, tc := range []struct {
		name, change string
		known        bool
	}{
		{"as made", "", true},
		{"not yet expired", "UPDATE service_api_keys SET expires_at = '2999-01-01T00:00:00.000Z'", true},
		{"expired", "UPDATE service_api_keys SET expires_at = '2020-01-01T00:00:00.000Z'", false},
		{"inactive", "UPDATE service_api_keys SET is_active = 0", false},
		{"a broken row", "UPDATE service_api_keys SET permissions = 'x'", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			key, err := h.CreateKey(t.Context(), EnvironmentRead)
			require.NoError(t, err)
			if tc.change != "" {
				_, err = h.db.ExecContext(t.Context(), tc.change+" WHERE key_hash = ?", hash(key))
				require.NoError(t, err)
			}
			a, known := h.authenticate(t.Context(), key)
			assert.Equal(t, tc.known, known)
			assert.Equal(t, tc.known, a.may(EnvironmentRead))
			assert.False(t, a.may(EnvironmentWrite))
		})
	}
	var stored int
	require.NoError(t, h.db.QueryRowContext(t.Context(),
		`SELECT count(*) FROM service_api_keys WHERE key_prefix LIKE 'sk_%' AND length(key_prefix) = 11 AND length(key_hash) = 64`).Scan(&stored))
	assert.Equal(t, 5, stored, "only prefix and hash are kept")
}

func TestUsageIsLogged(t *testing.T) {
	t.Parallel()
	h, err := Open(filepath.Join(t.TempDir(), "hub.db"))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, h.Close()) })
	key, err := h.CreateKey(t.Context())
	require.NoError(t, err)
	a, known := h.authenticate(t.Context(), key)
	require.True(t, known)
	h.logUsage(t.Context(), a, usage{endpoint: "/x", method: "GET", userAgent: "test", success: true})
	var rows int
	require.NoError(t, h.db.QueryRowContext(t.Context(), `SELECT count(*) FROM service_api_key_usage u
		JOIN service_api_keys k ON k.id = u.key_id WHERE u.success AND k.last_used_at IS NOT NULL`).Scan(&rows))
	assert.Equal(t, 1, rows)
}
