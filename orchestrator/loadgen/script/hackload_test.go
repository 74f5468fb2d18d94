package script_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

const usersCSV = "email,password_plain,is_active\na@пошта.example,\"\"\"c\\tS\",True\nb@x,pw,False\nc@x,pw,True\n"

func TestHackloadModule(t *testing.T) {
	t.Parallel()
	p, err := files(t, map[string]string{"main.js": `
		import hackload, { users, team, target, report } from 'k6/x/hackload';
		import encoding from 'k6/encoding';
		const all = users('./data/users.csv');
		const first = users('./data/users.csv', 1);
		export default function () {
			const same = 'Basic ' + encoding.b64encode(all[0].email + ':' + all[0].password);
			let frozen = false;
			try { all[0] = null; } catch { frozen = true; }
			console.log([all.length, first.length, all[0].email, all[0].authorization === same, frozen,
				typeof team, typeof target, hackload.team === team,
				JSON.parse(report({ metrics: { checks: { values: {}, thresholds: { 'rate>0.9': { ok: true } } } } })).passed].join(' '));
			try { users('./data/users.csv'); } catch (e) { console.log(e.message); }
			try { report(7); } catch (e) { console.log(e.message); }
		}`, "data/users.csv": usersCSV})
	require.NoError(t, err)
	b := newBench(t, p)
	require.NoError(t, b.vm.Iterate(t.Context(), b.task, script.Iteration{}).Err)
	log := b.log.String()
	require.Contains(t, log, "2 1 a@пошта.example true true string string true true")
	require.Contains(t, log, "only there in the init context")
	require.Contains(t, log, "what handleSummary is given")
}

func TestHackloadUsersRefuse(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, call, want string }{
		{"no file named", "users()", "needs the path of a file, or the variable USERS_FILE"},
		{"no such file", "users('./none.csv')", "users file ./none.csv"},
		{"not a users file", "users('./other.csv')", "lacks the column email or password_plain"},
	} {
		p, err := files(t, map[string]string{
			"main.js":   "import { users } from 'k6/x/hackload';\nconst all = " + row.call + ";\nexport default function () { return all; }",
			"other.csv": "a,b\n1,2\n",
		})
		require.NoError(t, err, row.name)
		_, err = p.New(t.Context(), config(t.Output()), nil, 1)
		require.ErrorContains(t, err, row.want, row.name)
	}
}
