package script_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Everything that k6 has is here, or is refused at the start with a sentence.
func TestEverythingOfK6IsHereOrRefused(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/k6.txt")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		what, names, found := strings.Cut(strings.TrimSpace(line), ": ")
		if !found || strings.HasPrefix(line, "#") {
			continue
		}
		if of, isObject := strings.CutPrefix(what, "+ "); isObject {
			what = of
			// Names are sought in the text, because some are only there where a script has them.
			line = "const o = " + what + "; for (const name of '" + names + "'.split(' ')) same([name, name in o], [name, true]); // " + names
			t.Run(what, func(t *testing.T) {
				t.Parallel()
				_, r := iterate(t, imports+"import html from 'k6/html'; import k6crypto from 'k6/crypto';\nexport default function () {\n"+line+"\n}")
				require.NoError(t, r.Err)
			})
			continue
		}
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if names != "refused" {
				_, r := iterate(t, "import * as m from '"+what+"'; export default function () {\n const have = Object.keys(m).filter((k) => k !== 'default').sort().join(' '); if (have !== '"+names+"') throw new Error(have); for (const k of have.split(' ')) if (m[k] === undefined) throw new Error(k) }")
				require.NoError(t, r.Err)
				return
			}
			_, err := files(t, map[string]string{"main.js": "import m from '" + what + "'; export default function () { m }"})
			require.ErrorContains(t, err, `module "`+what+`" is not supported: `)
			assert.NotContains(t, err.Error(), "there are k6, ", "a sentence of its own says what to do instead")
		})
	}
}
