package schedule

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

func TestNext(t *testing.T) {
	t.Parallel()
	rows := []struct{ name, cron, zone, after, want string }{
		{"Almaty midnight", "0 */6 * * *", "Asia/Almaty", "2026-11-23T18:59:59Z", "2026-11-24T00:00:00+05:00"},
		{"Almaty morning", "0 */6 * * *", "Asia/Almaty", "2026-11-23T19:00:00Z", "2026-11-24T06:00:00+05:00"},
		{"Almaty before it changed its offset", "0 */6 * * *", "Asia/Almaty", "2024-01-01T17:59:00Z", "2024-01-02T00:00:00+06:00"},
		{"UTC", "0 */6 * * *", "UTC", "2026-11-24T00:00:00Z", "2026-11-24T06:00:00Z"},
		{"no zone: as the clock says", "0 */6 * * *", "", "2026-11-24T01:00:00Z", "2026-11-24T06:00:00Z"},
		{"every five minutes", "*/5 * * * *", "Asia/Almaty", "2026-11-24T01:04:59Z", "2026-11-24T06:05:00+05:00"},
		{"an hour that spring skips", "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T02:30:00+02:00"},
		{"the day after", "30 2 * * *", "Europe/Berlin", "2026-03-30T12:00:00Z", "2026-03-31T02:30:00+02:00"},
		{"over the spring change", "0 */6 * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T06:00:00+02:00"},
		{"over the autumn change", "0 */6 * * *", "Europe/Berlin", "2026-10-24T22:30:00Z", "2026-10-25T06:00:00+01:00"},
		{"leap day", "0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"descriptor", "@hourly", "Asia/Almaty", "2026-11-24T01:30:00Z", "2026-11-24T07:00:00+05:00"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var zone *time.Location
			if row.zone != "" {
				var err error
				zone, err = time.LoadLocation(row.zone)
				require.NoError(t, err)
			}
			spec, err := parse(Service{Cron: row.cron, Timezone: zone})
			require.NoError(t, err)
			after, err := time.Parse(time.RFC3339, row.after)
			require.NoError(t, err)
			require.Equal(t, row.want, spec.Next(after).Format(time.RFC3339))
		})
	}
}

func TestBadCronNamesItsService(t *testing.T) {
	t.Parallel()
	db := database(t)
	for cron, want := range map[string]string{
		"every day":             "expected exactly 5 fields",
		"* * * * * *":           "expected exactly 5 fields",
		"61 * * * *":            "above maximum",
		"@sometimes":            "unrecognized descriptor",
		"0 0 30 2 *":            "it never fires",
		"TZ=Asia/Almaty":        "the time zone is the service's",
		"CRON_TZ=UTC 0 0 * * *": "the time zone is the service's",
	} {
		good := Service{Key: contest.CostTracking, Cron: "@daily"}
		_, err := New(t.Context(), db, Config{Postgres: onPostgres, Services: []Service{good, {Key: contest.GitMonitor, Cron: cron}}})
		require.ErrorContains(t, err, want, cron)
		require.ErrorContains(t, err, "of git-monitor", cron)
		require.ErrorContains(t, err, cron)
	}
	_, err := New(t.Context(), db, Config{Postgres: onPostgres, NoPeriods: true, Services: []Service{{Key: contest.GitMonitor, Cron: "ignored"}}})
	require.NoError(t, err)
}

func TestCronFires(t *testing.T) {
	t.Parallel()
	q, _ := freshQueue(t, Config{
		Services: []Service{{Key: contest.GitMonitor, Cron: "@every 1s"}, {Key: contest.CostTracking}},
		Log:      slog.New(slog.DiscardHandler),
	})
	var c calls
	running(t, q, c.steps())
	c.await(t, "round git-monitor", 1)
	require.Zero(t, c.of("round cost-tracking"), "a service without an interval waits to be asked")
}
