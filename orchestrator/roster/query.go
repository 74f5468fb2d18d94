package roster

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/samber/lo"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	maxTeams = 10_000 // of one hackathon
	maxValue = 2000   // characters of an environment value, the Hub's own limit
	maxJSON  = 65_536 // bytes of a team's k6 variables
)

// reader is one reading: everything is asked in one transaction, so that teams
// and their environment are of the same moment.
type reader struct {
	tx     *sql.Tx
	source *Database
}

func (r reader) teams(ctx context.Context, hackathon string) ([]contest.Team, error) {
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	readable, err := r.columns(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at the database's tables: %w", explain(err))
	}
	if err := missing(needs(hackathon, r.source.key), readable); err != nil {
		return nil, fmt.Errorf("look at the database's tables: %w", err)
	}
	id, err := r.hackathon(ctx, hackathon)
	if err != nil {
		return nil, fmt.Errorf("look up the hackathon: %w", explain(err))
	}
	found, err := r.approved(ctx, id, readable[need{"teams", "k6EnvironmentVars", false}])
	if err != nil {
		return nil, fmt.Errorf("read table teams: %w", explain(err))
	}
	environment, err := r.environment(ctx, found.ids)
	if err != nil {
		return nil, fmt.Errorf("read table team_environment_data: %w", explain(err))
	}
	return found.fill(r.source, environment), nil
}

// columns lists the columns of the tables and whether this user may read them.
func (r reader) columns(ctx context.Context) (map[need]bool, error) {
	rows, err := r.tx.QueryContext(ctx, `
		SELECT t.name, a.attname::text, has_column_privilege(a.attrelid, a.attnum, 'SELECT')
		FROM unnest($1::text[]) AS t(name)
		JOIN pg_attribute a ON a.attrelid = to_regclass(t.name) AND a.attnum > 0 AND NOT a.attisdropped`,
		[]string{"teams", "team_environment_data", "hackathons"})
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	readable := map[need]bool{}
	for rows.Next() {
		var column need
		var may bool
		if err := rows.Scan(&column.table, &column.column, &may); err != nil {
			return nil, err
		}
		readable[column] = may
	}
	return readable, rows.Err()
}

// hackathon returns the id of the hackathon that is named by its id or slug.
func (r reader) hackathon(ctx context.Context, name string) (id string, err error) {
	if name == "" {
		return "", nil
	}
	err = r.tx.QueryRowContext(ctx, `
		SELECT id::text FROM hackathons WHERE id::text = $1 OR slug::text = $1
		ORDER BY id::text = $1 DESC LIMIT 1`, name).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("none has the id or slug %s", quote(name))
	}
	return id, err
}

// listed is what table teams says.
type listed struct {
	teams []contest.Team
	ids   []string // of the teams, in the same order
	k6    [][]byte // their k6 variables, in the same order
}

func (r reader) approved(ctx context.Context, hackathon string, k6 bool) (listed, error) {
	variables := "''"
	if k6 {
		variables = `COALESCE("k6EnvironmentVars"::text, '')`
	}
	rows, err := r.tx.QueryContext(ctx, `
		SELECT id::text, COALESCE(nickname::text, ''), COALESCE(name::text, ''), COALESCE("hackathonId"::text, ''), `+variables+`
		FROM teams WHERE status::text = 'APPROVED' AND ($1 = '' OR "hackathonId"::text = $1)
		ORDER BY nickname LIMIT $2`, hackathon, maxTeams+1)
	if err != nil {
		return listed{}, err
	}
	defer rows.Close()
	var all listed
	for rows.Next() {
		var id string
		var t contest.Team
		var k6 []byte
		if err := rows.Scan(&id, &t.Slug, &t.Name, &t.HackathonID, &k6); err != nil {
			return listed{}, err
		}
		if len(all.teams) == maxTeams {
			return listed{}, fmt.Errorf("there are more than %d approved teams: name the hackathon", maxTeams)
		}
		all.teams, all.ids, all.k6 = append(all.teams, t), append(all.ids, id), append(all.k6, k6)
	}
	return all, rows.Err()
}

// environment reads the keys that matter of the teams with the ids.
func (r reader) environment(ctx context.Context, ids []string) (map[string]map[string]variable, error) {
	rows, err := r.tx.QueryContext(ctx, `
		SELECT "teamId"::text, key::text, left(COALESCE(value::text, ''), $3), COALESCE("isSecure", false)
		FROM team_environment_data WHERE "teamId"::text = ANY($1::text[]) AND key::text = ANY($2::text[])`,
		ids, r.source.keys.All(), maxValue)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	byTeam := map[string]map[string]variable{}
	for rows.Next() {
		var id, key string
		var v variable
		if err := rows.Scan(&id, &key, &v.value, &v.secure); err != nil {
			return nil, err
		}
		if byTeam[id] == nil {
			byTeam[id] = map[string]variable{}
		}
		byTeam[id][key] = v
	}
	return byTeam, rows.Err()
}

// fill returns the teams with what their environment and the override say.
func (l listed) fill(d *Database, environment map[string]map[string]variable) []contest.Team {
	for i := range l.teams {
		t := &l.teams[i]
		fill(t, d.keys, environment[l.ids[i]])
		d.override(t, l.k6[i])
	}
	return l.teams
}

// override puts the organisers' own address in the place of the team's.
func (d *Database) override(t *contest.Team, k6 []byte) {
	if len(k6) > maxJSON {
		k6 = []byte("too long")
	}
	address, err := override(k6, d.key)
	switch {
	case err != nil:
		t.Notes = append(t.Notes, fmt.Sprintf("k6EnvironmentVars %v, so the team's own endpoint is used", err))
	case address != "" && address != t.Endpoint:
		t.Notes = append(t.Notes, fmt.Sprintf("the organisers set %s, which is used in place of the team's own endpoint", d.key))
		t.Endpoint = address
		t.Secure = lo.Without(t.Secure, "endpoint")
	}
}

// explain adds to an error of PostgreSQL what may be done about it. The words
// of the server name users and tables, never a password or a value.
func explain(err error) error {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	remedies := map[string]string{
		"28P01": "is the password in the database URL right?",
		"3D000": "is the database in the database URL right?",
		"42501": "GRANT SELECT on teams, team_environment_data and hackathons to this user",
		"42P01": "is this the Hub's database and schema?",
		"42703": "is this the Hub's database and schema?",
		"57014": "it took longer than the statement timeout",
		"53300": "the server has no connection left: use a smaller pool",
	}
	if remedy, ok := remedies[refused.Code]; ok {
		return fmt.Errorf("%w: %s", err, remedy)
	}
	return err
}
