package evidence_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/evidence"
)

// FuzzSealed reads evidence that anybody may have written, as explain does.
// Whatever can be read can be sealed, the seal holds, and it breaks with any
// change.
func FuzzSealed(f *testing.F) {
	f.Add([]byte(`{"version":1,"run":"r","testId":"a-search-1-x","counts":[{"name":"http_reqs","value":5},{"name":"http_reqs","value":5}],"latency":{"samples":1}}`))
	f.Add([]byte(`{"thresholds":[{"threshold":{"metric":"x","op":"<","bound":1e999}}]}`))
	f.Add([]byte(`{"level":{"duration":"5m"},"gaps":[],"course":{}}`))
	f.Add([]byte(`{"unknown":1}`))
	f.Add([]byte(`null`))
	f.Add([]byte("{\"team\":\"\xff\"}{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		read := evidence.Sealed{JSON: text, SHA256: strings.Repeat("0", 64)}
		e, err := read.Evidence()
		if err != nil {
			require.NotEmpty(t, read.Check(), "what cannot be read is not as it was sealed")
			return
		}
		require.NotEmpty(t, read.Check(), "its hash is not that")
		sealed, err := evidence.Seal(e)
		require.NoError(t, err)
		require.Empty(t, sealed.Check())
		again, err := sealed.Evidence()
		require.NoError(t, err)
		twice, err := evidence.Seal(again)
		require.NoError(t, err)
		require.Equal(t, sealed, twice)

		e.Run += "x"
		forged, err := evidence.Seal(e)
		require.NoError(t, err)
		forged.SHA256 = sealed.SHA256
		require.NotEmpty(t, forged.Check())
	})
}
