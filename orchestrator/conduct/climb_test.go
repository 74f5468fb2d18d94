package conduct_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// climbRow is one team of the table's round.
type climbRow struct {
	team     contest.Team
	outcomes map[int][]outcome // users of a level to its launches' outcomes; the last one stays
	status   contest.Status
	score    int
	invalid  bool
	launches []int  // users of each launch
	runs     int    // how many the verdict stands on; 0: not looked at
	says     string // a part of some finding's sentence
}

func with(t contest.Team, endpoint string) contest.Team {
	t.Endpoint = endpoint
	return t
}

func climbRows() []climbRow {
	return []climbRow{
		{team: team("climbs-all"), status: contest.Passed, score: 7, launches: []int{10, 10, 20, 20, 30, 30}},
		{team: team("median-decides"), outcomes: map[int][]outcome{20: {pass, failing, pass}, 30: {failing, pass, failing}},
			status: contest.Passed, score: 3, launches: []int{10, 10, 20, 20, 20, 30, 30, 30}, says: "1 of 3 runs passed"},
		{team: team("fails-at-once"), outcomes: map[int][]outcome{10: {failing}}, status: contest.Failed, launches: []int{10, 10}},
		{team: team("fails-by-median"), outcomes: map[int][]outcome{10: {pass, failing}}, status: contest.Failed, launches: []int{10, 10, 10}},
		{team: team("fails-in-the-middle"), outcomes: map[int][]outcome{20: {failing}}, status: contest.Passed, score: 1, launches: []int{10, 10, 20, 20}},
		{team: team("silent-once"), outcomes: map[int][]outcome{10: {silent, pass}}, status: contest.Passed, score: 7, launches: []int{10, 10, 10, 20, 20, 30, 30}},
		{team: team("silent-always"), outcomes: map[int][]outcome{10: {silent}}, status: contest.NoData, invalid: true, launches: []int{10, 10, 10}, says: "0 of 1 load generators reported to the end"},
		{team: team("silent-above"), outcomes: map[int][]outcome{20: {silent}}, status: contest.Passed, score: 1, invalid: true, launches: []int{10, 10, 20, 20, 20}},
		{team: team("in-trouble"), outcomes: map[int][]outcome{10: {trouble}}, status: contest.NoData, invalid: true, launches: []int{10, 10, 10}, says: killed},
		{team: team("not-started"), outcomes: map[int][]outcome{10: {refused}}, status: contest.NoData, invalid: true, launches: []int{10, 10, 10}, says: "no such file or directory"},
		{team: team("lost-once"), outcomes: map[int][]outcome{10: {gone, pass}}, status: contest.Passed, score: 7, launches: []int{10, 10, 10, 20, 20, 30, 30}},
		// Three runs, each lost one time more often than it is planned again.
		{team: team("lost-always"), outcomes: map[int][]outcome{10: {gone}}, status: contest.NoData, invalid: true,
			launches: []int{10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10}, says: "lost again and again"},
		{team: team("down"), status: contest.Failed, launches: []int{}, says: "connection refused"},
		{team: team("twisted"), status: contest.NoData, invalid: true, launches: []int{}, runs: 1, says: "the script cannot be used: SyntaxError: unexpected token."},
		{team: team("throws"), outcomes: map[int][]outcome{20: {pass, throwing}}, status: contest.Passed, score: 1, invalid: true,
			launches: []int{10, 10, 20, 20}, runs: 4, says: threw},
		{team: team("throws-at-once"), outcomes: map[int][]outcome{10: {throwing}}, status: contest.NoData, invalid: true,
			launches: []int{10}, runs: 1, says: "nothing was run again in this round"},
		{team: with(team("no-endpoint"), ""), status: contest.NoData, launches: []int{}, says: "given no endpoint"},
		{team: with(team("no-url"), "ftp://user:secret@x"), status: contest.Failed, launches: []int{}, says: "starts with http:// or https://"},
	}
}

// One round in which a team of every kind climbs three levels of three repeats.
func TestClimbs(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(3, 10, 20, 30))
	rows := map[contest.Slug]climbRow{}
	for _, r := range climbRows() {
		rows[r.team.Slug] = r
		b.teams = append(b.teams, r.team)
	}
	b.gens.plan = func(l contest.Launch, nth int) outcome {
		outcomes := rows[l.Team].outcomes[l.Level.Users]
		if len(outcomes) == 0 {
			return pass
		}
		return outcomes[min(nth, len(outcomes)-1)]
	}
	line, _ := b.open()
	b.drive(line, b.begin(line))
	for slug, want := range rows {
		t.Run(string(slug), func(t *testing.T) { requireClimb(t, b, want) })
	}
	b.settled(1)
}

func requireClimb(t *testing.T, b *bench, want climbRow) {
	t.Helper()
	v := b.verdict(want.team.Slug)
	require.Equal(t, want.status, v.Status, "%+v", v.Findings)
	require.Equal(t, want.score, v.Score)
	require.Equal(t, want.invalid, v.Invalid)
	require.Equal(t, want.launches, b.gens.launches(want.team.Slug))
	if want.runs > 0 {
		require.Len(t, v.Runs, want.runs)
	}
	said := ""
	for _, f := range v.Findings {
		said += f.Sentence + "\n"
	}
	require.Contains(t, said, want.says)
	require.NotContains(t, said, "secret")

	row, ok := b.outbox(want.team.Slug)
	require.True(t, ok, "the Hub never had a result, so it is told")
	require.Equal(t, want.status, row.Update.Status)
	require.Equal(t, want.score, row.Update.Score)
	require.EqualValues(t, 1, row.Version)
}

// What could not be measured never overwrites what was; data that the team took
// away does.
func TestInvalidNeverOverwrites(t *testing.T) {
	t.Parallel()
	b := newBench(t, ladder(1, 10))
	b.teams = []contest.Team{team("good")}
	line, _ := b.open()
	b.drive(line, b.begin(line))
	require.Equal(t, contest.Passed, b.verdict("good").Status)

	b.gens.plan = func(contest.Launch, int) outcome { return silent }
	b.drive(line, b.begin(line))
	v := b.verdict("good")
	require.Equal(t, contest.NoData, v.Status)
	require.True(t, v.Invalid)
	require.Equal(t, 1, b.count(`verdicts WHERE published = 0`))
	row, _ := b.outbox("good")
	require.Equal(t, contest.Passed, row.Update.Status, "the earlier good result stays")
	require.EqualValues(t, 1, row.Version)
	require.Len(t, b.gens.launches("good"), 1+3, "one, then one and two retries")

	b.teams[0].Endpoint = ""
	b.drive(line, b.begin(line))
	row, _ = b.outbox("good")
	require.Equal(t, contest.NoData, row.Update.Status)
	require.EqualValues(t, 2, row.Version)
	require.False(t, b.verdict("good").Invalid)
	b.settled(3)
}

// settled checks what must hold after so many rounds.
func (b *bench) settled(rounds int) {
	b.t.Helper()
	b.atRest()
	require.Equal(b.t, rounds, b.seen.roundsEnded(), "each round's end is told once")
}
