package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const password = "sk_0123456789abcdef"

// hideout holds a secret where fmt calls no methods.
type hideout struct{ key Secret }

func TestSecretIsInvisible(t *testing.T) {
	t.Parallel()
	c, err := Load(Source{Getenv: env("SERVICE_API_KEY", password, "GITHUB_TOKEN", password, "STATE_DATABASE_URL", "postgres://u:"+password+"@h/db",
		"GRAFANA_TOKEN", password, "GRAFANA_PASSWORD", password, "GITHUB_APP_PRIVATE_KEY", password, "ADMIN_TOKEN", password, "SENTRY_DSN", password)})
	require.NoError(t, err)
	s := c.Hub.APIKey
	for name, value := range map[string]any{"value": s, "pointer": &s, "struct": c.Hub, "config": c, "unexported": hideout{s}, "map": map[string]Secret{"k": s}, "error": fmt.Errorf("use key: %v", s)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%10.3s"} {
			assert.NotContains(t, fmt.Sprintf(verb, value), password, "%s with %s", name, verb)
			assert.NotContains(t, fmt.Sprintf(verb, value), fmt.Sprintf("%x", password), "%s with %s", name, verb)
		}
	}
	assert.Equal(t, "<secret>", s.String())
	assert.NotContains(t, fmt.Sprint(c.Warnings), password)

	asJSON, err := json.Marshal(c)
	require.NoError(t, err)
	assert.NotContains(t, string(asJSON), password)
	assert.Contains(t, string(asJSON), `"apiKey":"\u003csecret\u003e"`)
	asYAML, err := yaml.Marshal(c.Hub)
	require.NoError(t, err)
	assert.NotContains(t, string(asYAML), password)

	for _, handler := range []func(*bytes.Buffer) slog.Handler{
		func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var log bytes.Buffer
		slog.New(handler(&log)).Info("started", "key", s, "hub", c.Hub, "config", c)
		assert.NotContains(t, log.String(), password)
		assert.Contains(t, log.String(), "secret")
	}
	assert.Equal(t, password, s.Reveal())
}

func TestUnsetSecretIsEmpty(t *testing.T) {
	t.Parallel()
	var s Secret
	assert.False(t, s.Set())
	assert.Empty(t, s.Reveal())
	assert.Empty(t, fmt.Sprint(s))
	assert.Equal(t, s, NewSecret(""))
}

func TestSecretsDoNotEnterTheHash(t *testing.T) {
	t.Parallel()
	one, err := Load(Source{Getenv: env("SERVICE_API_KEY", "a")})
	require.NoError(t, err)
	other, err := Load(Source{Getenv: env("SERVICE_API_KEY", "b")})
	require.NoError(t, err)
	first, err := one.Hash()
	require.NoError(t, err)
	second, err := other.Hash()
	require.NoError(t, err)
	assert.Equal(t, first, second)
}
