package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestListenAgain(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ configured, last, want string }{
		"the first time":         {"127.0.0.1:0", "", "127.0.0.1:0"},
		"any port":               {"127.0.0.1:0", "127.0.0.1:4711", "127.0.0.1:4711"},
		"any port of a name":     {"localhost:0", "127.0.0.1:4711", "127.0.0.1:4711"},
		"a port is named by now": {"127.0.0.1:9091", "127.0.0.1:4711", "127.0.0.1:9091"},
		"another host by now":    {"0.0.0.0:0", "127.0.0.1:4711", "0.0.0.0:0"},
		"nonsense was kept":      {"127.0.0.1:0", "nonsense", "127.0.0.1:0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, listenAgain(row.configured, row.last))
		})
	}
}
