package spotcheck_test

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/lab/biletter"
	"github.com/hackload-kz/hackload/orchestrator/target"
)

func TestOneServiceOfTwoTeamsIsSeen(t *testing.T) {
	t.Parallel()
	own := sample(t, biletter.Good, biletter.Options{})
	lender := serve(t, own)
	behind, err := url.Parse(lender.URL)
	require.NoError(t, err)
	rows := map[string]struct {
		other http.Handler // nil: the lender's address itself
		want  []string     // teams that are named
	}{
		"their own":          {sample(t, biletter.Good, biletter.Options{}), nil},
		"the same address":   {nil, []string{"borrower", "lender"}},
		"behind a proxy":     {httputil.NewSingleHostReverseProxy(behind), []string{"borrower", "lender"}},
		"the same data":      {sample(t, biletter.Borrowed, biletter.Options{Lender: own}), []string{"borrower", "lender"}},
		"constants":          {sample(t, biletter.Canned, biletter.Options{}), nil},
		"knows no such user": {otherwise(nil, everyNth(1, func(w http.ResponseWriter) { w.WriteHeader(http.StatusUnauthorized) })), nil},
		"fails":              {otherwise(own, everyNth(1, refuse)), nil},
		"lists every number": {otherwise(nil, everyNth(1, func(w http.ResponseWriter) { _, _ = w.Write([]byte(`[{"id":1,"event_id":2},{"id":2,"event_id":3}]`)) })), nil},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, target.Guard{AllowPrivate: true})
			teams := []contest.Team{{Slug: "lender", Endpoint: lender.URL}, {Slug: "borrower", Endpoint: lender.URL}, {Slug: "empty"}}
			if row.other != nil {
				teams[1].Endpoint = serve(t, row.other).URL
			}
			for _, c := range []biletter.Kind{biletter.Good, biletter.Slow} {
				o := biletter.Options{Delay: 1}
				teams = append(teams, contest.Team{Slug: contest.Slug("honest-" + c), Endpoint: serve(t, sample(t, c, o)).URL})
			}
			require.Equal(t, row.want, named(d.Shared(t.Context(), teams)))
			assert.Equal(t, row.want, named(d.Shared(t.Context(), teams)), "and again: nothing was left behind")
		})
	}
}

// An address that many teams have copied from an example is one suspicion of each.
func TestAnAddressOfManyIsSaidOnceOfEach(t *testing.T) {
	t.Parallel()
	d := newDesk(t, target.Guard{AllowPrivate: true})
	at := serve(t, otherwise(nil, everyNth(1, refuse))).URL
	var teams []contest.Team
	for i := range 50 {
		teams = append(teams, contest.Team{Slug: contest.Slug(fmt.Sprintf("team-%02d", i)), Endpoint: at})
	}
	found := d.Shared(t.Context(), teams)
	require.Len(t, found, len(teams))
	assert.Equal(t, "The team gives the same address as team-00, team-01, team-02 and 46 more.", found[49].Sentence)
	assert.Equal(t, contest.Slug("team-01"), found[0].Other)
}

func named(found []contest.Suspicion) (teams []string) {
	for _, s := range found {
		teams = append(teams, string(s.Team))
	}
	return teams
}
