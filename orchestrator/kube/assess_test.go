package kube

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// pod is a runner's Pod with the given state of its only container.
func pod(no string, state corev1.ContainerState, changes ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "r-" + no + "-x", Labels: map[string]string{"job-name": "r-" + no, "runner": "true"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "k6", Image: "k6:none"}}},
		Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "k6", State: state}}},
	}
	for _, change := range changes {
		change(p)
	}
	return p
}

func at(seconds int) time.Time { return time.Unix(1_700_000_000+int64(seconds), 0) }

func exited(code int32, reason string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: reason, StartedAt: metav1.NewTime(at(10)), FinishedAt: metav1.NewTime(at(51)),
	}}
}

func running() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(at(10))}}
}

func waits(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func condition(t corev1.PodConditionType, s corev1.ConditionStatus, reason, message string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: t, Status: s, Reason: reason, Message: message})
	}
}

func stage(s Stage) *TestRun {
	r := &TestRun{ObjectMeta: metav1.ObjectMeta{Name: "r", Namespace: "k6-runs"}, Status: TestRunStatus{Stage: s}}
	if s == StageStarted {
		r.Status.Conditions = []metav1.Condition{{Type: "TestRunRunning", Status: "True", LastTransitionTime: metav1.NewTime(at(12))}}
	}
	return r
}

// Each row is a launch of two generators, ordered at 0, that may run for 60 s
// and is to begin within 100 s.
func TestAssess(t *testing.T) {
	t.Parallel()
	leaving := func(p *corev1.Pod) { now := metav1.NewTime(at(20)); p.DeletionTimestamp = &now }
	unscheduled := condition(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable", "0/1 nodes are available: 1 Insufficient memory.")
	none := corev1.ContainerState{}
	for _, row := range []struct {
		name    string
		run     *TestRun
		pods    []*corev1.Pod
		now     int
		stop    *stopOrder
		runSeen bool
		memory  int64 // of the launch's own

		ended  bool
		reason string // to stop it for
		said   string
		short  contest.Shortage
		again  time.Duration
	}{
		{name: "just ordered", now: 10, again: 20 * time.Second},
		{name: "never ordered to the end", now: 31, reason: "trouble", said: "there is no TestRun: the launch was interrupted while it was being ordered"},
		{name: "deleted under us", now: 31, runSeen: true, pods: []*corev1.Pod{pod("1", running())}, reason: "trouble", said: "the TestRun was deleted by somebody else after 21 s"},
		{name: "no operator", run: stage(""), now: 100, reason: "trouble", said: "nothing was done about the TestRun r within 100 s: does k6-operator run, and does it watch namespace k6-runs?"},
		{name: "beginning", run: stage(StageCreated), pods: []*corev1.Pod{pod("1", running())}, now: 40, again: 60 * time.Second},
		{name: "operator refuses", run: stage(StageError), now: 5, reason: "trouble", said: "k6-operator refused the TestRun (its stage is error): its own log says why"},
		{name: "unschedulable", run: stage(StageCreated), pods: []*corev1.Pod{pod("1", running()), pod("2", none, unscheduled)}, now: 100, reason: "trouble", said: "generator 2 of 2 did not start within 100 s: no node takes it (Unschedulable): 0/1 nodes are available: 1 Insufficient memory."},
		{name: "no image", run: stage(StageCreated), pods: []*corev1.Pod{pod("1", waits("ImagePullBackOff", "Back-off pulling"))}, now: 100, reason: "trouble", said: "generator 1 of 2 did not start within 100 s: its image k6:none cannot be pulled (ImagePullBackOff): Back-off pulling"},
		{name: "no Secret", run: stage(StageCreated), pods: []*corev1.Pod{pod("1", waits("CreateContainerConfigError", `secret "r" not found`))}, now: 100, reason: "trouble", said: `generator 1 of 2 did not start within 100 s: it cannot be started (CreateContainerConfigError): secret "r" not found`},
		{name: "too few", run: stage(StageCreated), pods: []*corev1.Pod{pod("1", running())}, now: 100, reason: "trouble", said: "1 of 2 generators ran within 100 s (the TestRun's stage is created)"},
		{name: "not told to begin", run: stage(StageCreated), pods: []*corev1.Pod{pod("1", running()), pod("2", running())}, now: 100, reason: "trouble", said: "the generators were not told to begin within 100 s (the TestRun's stage is created): k6-operator must reach port 6565 of their Services"},
		{name: "under load", run: stage(StageStarted), pods: []*corev1.Pod{pod("1", running()), pod("2", running())}, now: 40, again: 32 * time.Second},
		{name: "one is done", run: stage(StageStarted), pods: []*corev1.Pod{pod("1", exited(0, "Completed")), pod("2", running())}, now: 60, again: 12 * time.Second},
		{name: "out of time", run: stage(StageStarted), pods: []*corev1.Pod{pod("1", running()), pod("2", running())}, now: 72, reason: "timeout"},
		{name: "all done", run: stage(StageStarted), pods: []*corev1.Pod{pod("1", exited(0, "Completed")), pod("2", exited(99, "Error"))}, now: 60, ended: true},
		{name: "all done, and forgotten by the operator", run: stage(StageCreated), pods: []*corev1.Pod{pod("1", exited(107, "Error")), pod("2", exited(107, "Error"))}, now: 60, ended: true},
		{name: "out of memory", run: stage(StageStarted), pods: []*corev1.Pod{pod("1", running()), pod("2", exited(137, "OOMKilled"))}, now: 60, reason: "trouble", said: "generator 2 of 2 was OOM-killed after 41 s; memory limit 512Mi", short: contest.ShortOfMemory},
		{name: "out of the launch's own memory", run: stage(StageStarted), pods: []*corev1.Pod{pod("1", running()), pod("2", exited(137, "OOMKilled"))}, now: 60, memory: 2 << 30, reason: "trouble", said: "generator 2 of 2 was OOM-killed after 41 s; memory limit 2Gi", short: contest.ShortOfMemory},
		{name: "evicted for its disk", run: stage(StageStarted), pods: []*corev1.Pod{pod("1", running(), func(p *corev1.Pod) {
			p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", "The node was low on resource: ephemeral-storage."
		})}, now: 60, reason: "trouble", said: "generator 1 of 2 was evicted after 50 s: The node was low on resource: ephemeral-storage."},
		{name: "killed", run: stage(StageStarted), pods: []*corev1.Pod{pod("1", exited(137, "Error")), pod("2", running())}, now: 60, reason: "trouble", said: "generator 1 of 2 was killed after 41 s"},
		{name: "crashed", run: stage(StageStarted), pods: []*corev1.Pod{pod("1", exited(139, "Error"))}, now: 60, reason: "trouble", said: "generator 1 of 2 was ended by signal 11 after 41 s"},
		{name: "evicted", run: stage(StageStarted), pods: []*corev1.Pod{pod("1", running(), func(p *corev1.Pod) {
			p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", "The node was low on resource: memory."
		})}, now: 60, reason: "trouble", said: "generator 1 of 2 was evicted after 50 s: The node was low on resource: memory.", short: contest.ShortOfMemory},
		{name: "drained", run: stage(StageStarted), pods: []*corev1.Pod{pod("1", running(), leaving, condition(corev1.DisruptionTarget, corev1.ConditionTrue, "EvictionByEvictionAPI", "Eviction API: evicting"))}, now: 60, reason: "trouble", said: "generator 1 of 2 was taken away (EvictionByEvictionAPI) after 50 s: Eviction API: evicting"},
		{name: "node lost", run: stage(StageStarted), pods: []*corev1.Pod{pod("1", exited(137, "ContainerStatusUnknown")), pod("2", running())}, now: 60, reason: "trouble", said: "generator 1 of 2 was lost with its node after 41 s"},
		{name: "deleted by hand", run: stage(StageStarted), pods: []*corev1.Pod{pod("1", running(), leaving)}, now: 60, reason: "trouble", said: "generator 1 of 2 was deleted by somebody else after 50 s"},
		{name: "started again", run: stage(StageStarted), pods: []*corev1.Pod{pod("1", running(), func(p *corev1.Pod) { p.Status.ContainerStatuses[0].RestartCount = 1 })}, now: 60, reason: "trouble", said: "generator 1 of 2 was started again after 50 s: it counts from nothing"},
		{name: "stopping", run: stage(StageStarted), stop: &stopOrder{At: at(60)}, pods: []*corev1.Pod{pod("1", running(), leaving)}, now: 65, again: 65 * time.Second},
		{name: "stopped", stop: &stopOrder{At: at(60)}, pods: []*corev1.Pod{pod("1", exited(105, "Error")), pod("2", exited(105, "Error"))}, now: 65, ended: true},
		{name: "stopped before there was any", stop: &stopOrder{At: at(1)}, now: 2, ended: true},
		{name: "stopped on a node that is away", stop: &stopOrder{At: at(60)}, pods: []*corev1.Pod{pod("1", running(), leaving)}, now: 130, ended: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			v := view{record: record{created: at(0), stop: row.stop, launch: contest.Launch{Generators: 2, Memory: row.memory, Timeout: contest.Duration(time.Minute)}}, run: row.run, runSeen: row.runSeen, seen: at(0), now: at(row.now)}
			for _, p := range row.pods {
				v.generators = append(v.generators, readPod(p, false))
			}
			got := assess(v, limits{begin: 100 * time.Second, create: 30 * time.Second, grace: 10 * time.Second, memory: "512Mi"})
			require.Equal(t, row.ended, got.ended)
			require.Equal(t, row.again, got.again)
			if row.reason == "" {
				require.Nil(t, got.stop)
				return
			}
			require.NotNil(t, got.stop)
			require.Equal(t, stopOrder{Reason: row.reason, Trouble: row.said, Short: row.short, At: at(row.now)}, *got.stop)
		})
	}
}

// The API server and the nodes have clocks of their own. Where they are wrong, a
// launch is neither given up before its time nor does it end before it began.
func TestClocksThatDisagree(t *testing.T) {
	t.Parallel()
	for _, skew := range []int{-3600, -45, 45, 3600} {
		t.Run(fmt.Sprint(skew, " s"), func(t *testing.T) {
			t.Parallel()
			v := view{record: record{created: at(skew), launch: contest.Launch{Generators: 2, Timeout: contest.Duration(time.Minute)}}, seen: at(0), now: at(1)}
			l := limits{begin: 100 * time.Second, create: 30 * time.Second, grace: 10 * time.Second}
			require.Equal(t, step{again: 29 * time.Second}, assess(v, l), "its TestRun is about to be made")
			v.run, v.now = stage(StageCreated), at(20)
			require.Equal(t, step{again: 80 * time.Second}, assess(v, l), "its generators are about to begin")

			wrong := exited(137, "OOMKilled")
			wrong.Terminated.StartedAt, wrong.Terminated.FinishedAt = metav1.NewTime(at(10+skew)), metav1.NewTime(at(51+skew))
			v.run, v.now = stage(StageStarted), at(52)
			v.generators = []generator{readPod(pod("1", wrong), false), readPod(pod("2", running()), false)}
			stop := assess(v, l).stop
			require.NotNil(t, stop)
			require.Equal(t, "generator 1 of 2 was OOM-killed after 41 s", stop.Trouble, "by its node's own clock")
			v.stop = stop
			r := v.outcome(nil, "")
			require.False(t, r.Ended.Before(r.Started), "%v before %v", r.Ended, r.Started)

			late := running()
			late.Running.StartedAt = metav1.NewTime(at(10 + skew))
			g := readPod(pod("1", late), false)
			require.GreaterOrEqual(t, g.lasted(at(20)), time.Duration(0))
		})
	}
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		pods     []*corev1.Pod
		stop     *stopOrder
		log      string
		codes    []int
		trouble  string
		unusable string
		aborted  bool
		short    contest.Shortage
	}{
		{name: "well", pods: []*corev1.Pod{pod("1", exited(0, "")), pod("2", exited(0, ""))}, codes: []int{0, 0}},
		{name: "lost", pods: []*corev1.Pod{pod("1", exited(99, "")), pod("2", exited(0, ""))}, codes: []int{99, 0}, log: "some thresholds have failed"},
		{name: "crossed", pods: []*corev1.Pod{pod("1", exited(99, "")), pod("2", exited(99, ""))}, codes: []int{99, 99}, log: "a threshold with abortOnFail failed", aborted: true},
		{name: "lost for good", pods: []*corev1.Pod{pod("1", exited(99, "")), pod("2", exited(0, ""))}, codes: []int{99, 0}, log: "a threshold cannot be met any more", aborted: true},
		{name: "aborted by the script", pods: []*corev1.Pod{pod("1", exited(108, "")), pod("2", exited(108, ""))}, codes: []int{108, 108}},
		{name: "exception", pods: []*corev1.Pod{pod("1", exited(99, "")), pod("2", exited(107, ""))}, codes: []int{99, 107}, log: "there are no users at lib/users.js:3", unusable: "generator 2 of 2 met an exception in the script after 41 s: there are no users at lib/users.js:3"},
		{name: "descriptors", pods: []*corev1.Pod{pod("1", exited(120, "")), pod("2", exited(0, ""))}, codes: []int{120, 0}, log: "raise ulimit -n", trouble: "generator 1 of 2 had no file descriptors, ports or memory left after 41 s: raise ulimit -n"},
		{name: "stopped", pods: []*corev1.Pod{pod("1", exited(105, "")), pod("2", exited(105, ""))}, stop: &stopOrder{Reason: "request"}, codes: []int{105, 105}, trouble: "the run was stopped on request after 41 s"},
		{name: "deaf", pods: []*corev1.Pod{pod("1", exited(105, "")), pod("2", exited(137, ""))}, stop: &stopOrder{Reason: "timeout"}, codes: []int{105, -1}, trouble: "the run was stopped by its timeout after 41 s, and had to be killed"},
		{name: "troubled", pods: []*corev1.Pod{pod("1", exited(105, ""))}, stop: &stopOrder{Reason: "trouble", Trouble: "generator 2 of 2 was evicted", Short: contest.ShortOfMemory}, codes: []int{105, -1}, trouble: "generator 2 of 2 was evicted", short: contest.ShortOfMemory},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			v := view{record: record{created: at(0), stop: row.stop, launch: contest.Launch{Generators: 2}}, now: at(60)}
			for _, p := range row.pods {
				v.generators = append(v.generators, readPod(p, false))
			}
			r := v.outcome(v.blame(), row.log)
			require.Equal(t, contest.LaunchResult{
				Started: at(10), Ended: at(51), Generators: 2,
				ExitCodes: row.codes, Trouble: row.trouble, Unusable: row.unusable, Aborted: row.aborted, Short: row.short,
			}, r)
		})
	}
}

func TestPlainLog(t *testing.T) {
	t.Parallel()
	require.Equal(t, "one\nthere is \"no\" user at x.js:3\n", plain("one\n"+`time="2026-11-24T20:00:00Z" level=error msg="there is \"no\" user\n\tat x.js:3" hint="script exception"`))
}

func FuzzName(f *testing.F) {
	f.Add("Good_Team-search-25-01k", "good-team-search-25-01k")
	f.Add(strings.Repeat("_", 200), "9")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := contest.TestID(a), contest.TestID(b)
		if !x.Valid() || !y.Valid() {
			return
		}
		require.Regexp(t, `^[a-z][a-z0-9-]*[a-z0-9]$`, Name(x))
		require.LessOrEqual(t, len(Name(x)+"-service-1000"), 63)
		require.LessOrEqual(t, len(Name(x)+"-initializer"), 63)
		require.Equal(t, x == y, Name(x) == Name(y))
	})
}
