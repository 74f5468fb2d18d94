package kube_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/kube"
)

func TestRunners(t *testing.T) {
	t.Parallel()
	unit := contest.Duration(10 * time.Second)
	for _, row := range []struct {
		name  string
		vus   []int
		level contest.Level
		least int
		want  int
	}{
		{"small", []int{10}, contest.Level{Users: 5}, 1, 1},
		{"just one", []int{2000}, contest.Level{Users: 1000}, 1, 1},
		{"one user more", []int{1999, 2}, contest.Level{Users: 5}, 1, 2},
		{"one arrival more", []int{100}, contest.Level{Users: 1001}, 1, 2},
		{"slowly", []int{100}, contest.Level{Users: 10000, TimeUnit: unit}, 1, 1},
		{"at least", []int{100}, contest.Level{Users: 5}, 3, 3},
		{"fewer users than runners", []int{2}, contest.Level{Users: 5}, 3, 2},
		{"no scenarios told", nil, contest.Level{Users: 2500}, 0, 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var s contest.Script
			for _, n := range row.vus {
				s.Scenarios = append(s.Scenarios, contest.ScriptScenario{MaxVUs: n})
			}
			require.Equal(t, row.want, kube.Capacity{VUs: 2000, Rate: 1000, Least: row.least}.Runners(s, row.level))
		})
	}
}

func TestNotation(t *testing.T) {
	t.Parallel()
	r, err := kube.Resources("500m", "1Gi")
	require.NoError(t, err)
	require.Equal(t, "500m 1Gi 1Gi", r.Requests.Cpu().String()+" "+r.Requests.Memory().String()+" "+r.Limits.Memory().String())
	require.True(t, r.Limits.Cpu().IsZero(), "a throttled generator measures itself")
	for _, text := range []string{"a lot", "-1", "0", "1GB!"} {
		_, err := kube.Resources("", text)
		require.ErrorContains(t, err, "is no quantity of memory", text)
	}
	all, err := kube.Tolerations([]string{"load", "pool=load:NoSchedule"})
	require.NoError(t, err)
	require.Equal(t, "Exists", string(all[0].Operator))
	require.Equal(t, "load", all[1].Value)
	for text, want := range map[string]string{"a:Never": `has no effect "Never"`, "=x": "names no taint", "": "names no taint"} {
		_, err := kube.Tolerations([]string{text})
		require.ErrorContains(t, err, want)
	}
}
