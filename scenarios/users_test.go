package scenarios_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/scenarios"
)

// probe loads users the way the scripts do and gives them back with the
// Authorization header that they would send.
const probe = `
import { basicAuth, loadUsers } from './lib/users.js';
const users = loadUsers((path) => open(path), Number(__ENV.MOST || '1000'));
export function probe() {
  return users.map((u) => ({ email: u.email, password: u.password, header: basicAuth(u) }));
}
export default probe;
`

type loaded struct{ Email, Password, Header string }

// loadUsers runs probe over a users file; an empty name is the sample.
func loadUsers(t *testing.T, env map[string]string, file, content string) ([]loaded, error) {
	t.Helper()
	own := map[string]string{"probe.js": probe}
	if file != "" {
		own[file] = content
		env["USERS_FILE"] = "./" + file
	}
	program, err := compile("probe", own)
	require.NoError(t, err)
	vm, err := run(t, program, env)
	if err != nil {
		return nil, err
	}
	text, err := vm.Run(t.Context(), "probe", "", "")
	require.NoError(t, err)
	var users []loaded
	require.NoError(t, json.Unmarshal([]byte(text), &users))
	return users, nil
}

// TestScriptsAndServicesReadTheSameUsers compares the script's parser with Go's.
func TestScriptsAndServicesReadTheSameUsers(t *testing.T) {
	t.Parallel()
	sample, err := scenarios.SampleUsers()
	require.NoError(t, err)
	var want []loaded
	for _, u := range sample {
		if u.Active {
			credentials := base64.StdEncoding.EncodeToString([]byte(u.Email + ":" + u.Password))
			want = append(want, loaded{u.Email, u.Password, "Basic " + credentials})
		}
	}
	got, err := loadUsers(t, map[string]string{}, "", "")
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestUsersFile(t *testing.T) {
	t.Parallel()
	one := [][2]string{{"a@b.kz", "pw"}}
	cases := []struct {
		name, file, content string
		most                string
		want                [][2]string
	}{
		{"the least that is needed", "u.csv", "email,password_plain\na@b.kz,pw\n", "", one},
		{"no line break at the end", "u.csv", "email,password_plain\na@b.kz,pw", "", one},
		{"another order of columns", "u.csv", "is_active,password_plain,x,email\nTrue,pw,,a@b.kz\n", "", one},
		{"a byte order mark", "u.csv", "\ufeffemail,password_plain\na@b.kz,pw\n", "", one},
		{"CRLF and empty lines", "u.csv", "email,password_plain\r\n\r\na@b.kz,pw\r\n\r\n", "", one},
		{"quotes, commas, line breaks", "u.csv", "email,password_plain\na@b.kz,\"a,\"\"b\"\"\n\\c\"\n", "", [][2]string{{"a@b.kz", "a,\"b\"\n\\c"}}},
		{"the inactive left out", "u.csv", "email,password_plain,is_active\nx@b.kz,pw,False\na@b.kz,pw,True\n", "", one},
		{"letters beyond ASCII", "u.csv", "email,password_plain\nі@пошта.kz,пароль\n", "", [][2]string{{"і@пошта.kz", "пароль"}}},
		{"no more than asked for", "u.csv", "email,password_plain\na@b.kz,pw\nc@d.kz,pw\nbroken\n", "1", one},
		{"JSON", "u.json", `[{"email":"a@b.kz","password_plain":"pw"}]`, "", one},
		{"JSON with the inactive", "u.json", "\ufeff" + ` [{"email":"x@b.kz","password_plain":"pw","is_active":false},{"email":"a@b.kz","password_plain":"pw","is_active":true}]`, "", one},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			env := map[string]string{}
			if c.most != "" {
				env["MOST"] = c.most
			}
			got, err := loadUsers(t, env, c.file, c.content)
			require.NoError(t, err)
			var pairs [][2]string
			for _, u := range got {
				pairs = append(pairs, [2]string{u.Email, u.Password})
			}
			require.Equal(t, c.want, pairs)
		})
	}
}

func TestBadUsersFile(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, content, want string }{
		{"empty", "", "it is empty"},
		{"blank", "\ufeff \n", "it is empty"},
		{"no such column", "mail,password_plain\na@b.kz,pw\n", `its first line names no column "email"`},
		{"no header", "a@b.kz,s3cret\n", `its first line names no column "email"`},
		{"the hash alone", "email,password_hash\na@b.kz,s3cret\n", `its first line names no column "password_plain"`},
		{"a header alone", "email,password_plain\n", "it holds no active user"},
		{"nobody active", "email,password_plain,is_active\na@b.kz,s3cret,False\n", "it holds no active user"},
		{"a short line", "email,password_plain,is_active\na@b.kz,s3cret\n", "line 2 has 2 fields, its header has 3"},
		{"no password", "email,password_plain\na@b.kz,\n", `line 2 has no "password_plain"`},
		{"an e-mail that Basic auth cannot carry", "email,password_plain\na:b@c.kz,s3cret\n", `line 2 has no usable "email"`},
		{"an open quote", "email,password_plain\na@b.kz,\"s3cret\n", "line 2: a quoted field is never closed"},
		{"text behind a quote", "email,password_plain\na@b.kz,\"s3cret\"x\n", "line 2: text follows a closing quote"},
		{"broken UTF-8", "email,password_plain\n\xe9@b.kz,s3cret\n", "it is not valid UTF-8"},
		{"broken JSON", `[{"email":"a@b.kz","password_plain":s3cret}]`, "it is not valid JSON"},
		{"JSON without passwords", `[{"email":"a@b.kz"}]`, `element 0 has no "password_plain"`},
		{"JSON of numbers", `[1]`, `element 0 has no usable "email"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := loadUsers(t, map[string]string{}, "u.data", c.content)
			require.ErrorContains(t, err, "users file ./u.data: "+c.want)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
	t.Run("missing", func(t *testing.T) {
		t.Parallel()
		_, err := loadUsers(t, map[string]string{"USERS_FILE": "./none.csv"}, "", "")
		require.ErrorContains(t, err, "none.csv")
	})
}

func TestTheWalkTakesTwoUsers(t *testing.T) {
	t.Parallel()
	env := map[string]string{"API_URL": "http://127.0.0.1:1", "USERS_FILE": "./one.csv"}
	program, err := compile("auth", map[string]string{"one.csv": "email,password_plain\na@b.kz,pw\n"})
	require.NoError(t, err)
	_, err = run(t, program, env)
	require.ErrorContains(t, err, "the walk takes two")
}
