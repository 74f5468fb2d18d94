package scenarios_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzUsersSurviveCSV writes users with Go's CSV writer and reads them with the
// scripts' parser: what is in a password must not matter.
func FuzzUsersSurviveCSV(f *testing.F) {
	for _, seed := range [][2]string{
		{"a@b.kz", "pw"}, {"і@пошта.kz", `\E"D,`}, {"a@b.kz", "\r\n"}, {"a", `""`}, {" a ", "\n\n,"}, {"[", "]"}, {"a\ufeff", "\t"},
	} {
		f.Add(seed[0], seed[1])
	}
	program, err := compile("parse", map[string]string{"parse.js": `
		import { parseUsers } from './lib/users.js';
		export function parse(text) { return parseUsers(text, 1000); }
		export default parse;`})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, email, password string) {
		if !canBeHeld(email) || !canBeHeld(password) || strings.Contains(email, ":") {
			t.Skip("no user that a file may hold")
		}
		var file bytes.Buffer
		w := csv.NewWriter(&file)
		require.NoError(t, w.WriteAll([][]string{{"email", "password_plain"}, {email, password}, {password + "2", "last"}}))
		argument, err := json.Marshal(file.String())
		require.NoError(t, err)

		vm, err := run(t, program, nil)
		require.NoError(t, err)
		result, err := vm.Run(t.Context(), "parse", "", string(argument))
		if strings.ContainsRune(password, ':') {
			require.ErrorContains(t, err, "no usable \"email\"")
			return
		}
		require.NoError(t, err)
		var users []struct{ Email, Password string }
		require.NoError(t, json.Unmarshal([]byte(result), &users))
		require.Equal(t, []struct{ Email, Password string }{{email, password}, {password + "2", "last"}}, users)
	})
}

// canBeHeld reports whether a field is one that a proper users file may have.
func canBeHeld(field string) bool {
	return field != "" && utf8.ValidString(field) && !strings.ContainsRune(field, utf8.RuneError)
}
