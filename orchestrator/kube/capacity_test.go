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

func TestShape(t *testing.T) {
	t.Parallel()
	each := kube.Capacity{VUs: 2000, Rate: 1000, Least: 1, Most: 16, CPU: 500, Memory: 1 << 30, MostMemory: 4 << 30}
	s := contest.Script{Scenarios: []contest.ScriptScenario{{MaxVUs: 3000}}}
	want := contest.Shape{Runners: 2, MostRunners: 16, VUs: 2000, Rate: 1000, CPU: 500, Memory: 1 << 30, MostMemory: 4 << 30}
	require.Equal(t, want, each.Shape(s, contest.Level{Users: 100}, nil))
	s.Scenarios[0].MaxVUs = 5
	require.Equal(t, 5, each.Shape(s, contest.Level{Users: 4000}, nil).MostRunners, "more than virtual users have nothing to do")
	s.Scenarios[0].MaxVUs = 100_000
	require.Equal(t, 50, each.Shape(s, contest.Level{Users: 100}, nil).Runners, "which the launcher refuses")
}

func TestMostMemory(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		first, most string
		want        int64
		err         string
	}{
		{"1Gi", "", 4 << 30, ""},
		{"1Gi", "3Gi", 3 << 30, ""},
		{"1Gi", "1Gi", 1 << 30, ""},
		{"", "", 0, ""},
		{"", "1Gi", 0, "1Gi bounds nothing, because kubernetes.runner_memory is empty: set both, or neither"},
		{"1Gi", "512Mi", 0, "512Mi is less than 1Gi, what each runner begins with (kubernetes.runner_memory): raise it, or lower that"},
		{"1Gi", "much", 0, `"much" is no quantity of memory: want one like 512Mi or 4Gi`},
		{"1Gi", "-1Gi", 0, `"-1Gi" is no quantity of memory`},
	} {
		first, err := kube.Resources("", row.first)
		require.NoError(t, err)
		got, err := kube.MostMemory(first, row.most)
		if row.err != "" {
			require.ErrorContains(t, err, row.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, row.want, got, row.most)
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
