package grafana

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	wanted := Wanted{DataSource: "Prometheus", Folder: "HackLoad", Dashboards: []string{"k6/k6-prometheus"}}
	for name, row := range map[string]struct {
		token  Secret
		change func(f *fake)
		wanted Wanted
		source string   // uid that is found
		want   []string // what each problem says, in parts
	}{
		"all is well for an admin":  {token: admin, wanted: wanted, source: "prom1"},
		"all is well for a viewer":  {token: viewer, wanted: wanted, source: "prom1"},
		"the default one is chosen": {token: viewer, source: "prom1"},
		"one is chosen by its uid":  {token: admin, wanted: Wanted{DataSource: "prom2"}, source: "prom2"},
		"a hidden version":          {token: admin, change: func(f *fake) { f.version = "" }, source: "prom1"},
		"an old Grafana": {
			token: admin, change: func(f *fake) { f.version = "8.5.27" }, source: "prom1",
			want: []string{`grafana is of version "8.5.27": version 9 or newer is needed`},
		},
		"a wrong token": {
			token: "glsa_hunter2", wanted: wanted,
			want: []string{"the data source cannot be found (list data sources: grafana answered 401: Invalid API key): make a service account token"},
		},
		"no credentials": {wanted: wanted, want: []string{"answered 401"}},
		"no Prometheus": {
			token: admin, change: func(f *fake) { f.sources = f.sources[:1] },
			want: []string{"there is no such data source of type prometheus): add a Prometheus under Connections"},
		},
		"another Prometheus": {
			token: admin, wanted: Wanted{DataSource: "Loki"},
			want: []string{`"Loki" is not among "Other Prometheus", "Prometheus"`},
		},
		"nothing else is there": {
			token: editor, wanted: wanted, source: "prom1", change: func(f *fake) { f.boards, f.folders = nil, nil },
			want: []string{
				`folder "HackLoad" is not to be had (look up folder "HackLoad": grafana answered 404: there is no folder of that uid or title): create or import it`,
				`dashboard "k6" is not to be had (look up dashboard "k6": grafana answered 404: Dashboard not found): create or import it`,
			},
		},
		"a uid that is a path": {
			token: admin, wanted: Wanted{Dashboards: []string{"../../admin"}}, source: "prom1",
			want: []string{"a uid has letters, digits"},
		},
		"a database that fails": {
			token: admin, change: func(f *fake) { f.database = "failing" },
			want: []string{"grafana cannot be asked (ask grafana how it is: grafana answered 503: its database is failing): look into Grafana's log"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			if row.change != nil {
				row.change(f)
			}
			state := f.client(t, row.token).Check(t.Context(), row.wanted)
			require.Len(t, state.Problems, len(row.want), "%v", state.Problems)
			for i, want := range row.want {
				require.Contains(t, state.Problems[i].String(), want)
				require.NotContains(t, state.Problems[i].String(), "hunter2")
			}
			require.Equal(t, row.source, state.DataSource.UID)
		})
	}
}

func TestCheckOfNobody(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(nil)
	address := server.URL
	server.Close()
	state := client(t, Config{URL: address}).Check(t.Context(), Wanted{})
	require.Len(t, state.Problems, 1)
	require.Contains(t, state.Problems[0].String(), "connection refused")
	require.Contains(t, state.Problems[0].Remedy, "does Grafana run")

	f := newFake(t)
	state = client(t, Config{URL: f.URL + "/elsewhere", Token: admin}).Check(t.Context(), Wanted{})
	require.Len(t, state.Problems, 1)
	require.Contains(t, state.Problems[0].String(), "answered 404")
}

func TestLookups(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.folders["fold2"] = "HackLoad old"
	c := client(t, Config{URL: f.URL + "/grafana", Username: "hackload", Password: "swordfish"})
	folder := Folder{"fold1", "HackLoad"}
	for _, name := range []string{"fold1", "HackLoad"} {
		got, err := c.Folder(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, folder, got)
	}
	_, err := c.Folder(t.Context(), "Load")
	require.Equal(t, 404, StatusOf(err), "a part of a title is none")
	_, err = c.Folder(t.Context(), "Нет такой")
	require.Equal(t, 404, StatusOf(err))

	board, err := c.Dashboard(t.Context(), "k6")
	require.NoError(t, err)
	require.Equal(t, Dashboard{UID: "k6", Title: "k6 Prometheus", Folder: folder, Path: "/grafana/d/k6/k6-prometheus"}, board)

	sources, err := c.DataSources(t.Context())
	require.NoError(t, err)
	require.Equal(t, f.sources, sources)
	seen, err := f.client(t, viewer).DataSources(t.Context())
	require.NoError(t, err)
	require.Subset(t, seen, f.sources, "a viewer sees them where the pages do")
}
