//go:build kube

package kube_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/kube"
	"github.com/hackload-kz/hackload/orchestrator/kube/kubetest"
	"github.com/hackload-kz/hackload/scenarios"
)

const canary = "canary-5f2d"

// TestCluster does everything on one API server: to start it takes seconds.
func TestCluster(t *testing.T) {
	t.Parallel()
	c := &cluster{kubetest.Start(t)}
	for _, row := range []struct {
		name string
		run  func(t *testing.T, s *scene)
	}{
		{"order", order},
		{"ends", ends},
		{"adopted", adopted},
		{"stopped", stopped},
		{"interrupted", interrupted},
		{"out of memory", outOfMemory},
		{"deleted", deleted},
		{"unusable", unusable},
		{"refused", refused},
		{"strangers", strangers},
		{"requests", requests},
		{"forgotten", forgotten},
		{"namespace going", namespaceGoing},
		{"spaces and quotes", spacesAndQuotes},
		{"out of reach", outOfReach},
		{"data", data},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := &scene{cluster: c, ns: strings.ReplaceAll(row.name, " ", "-"), id: "Good_Team-search-25-01k"}
			c.Namespace(t, s.ns)
			s.launcher = s.open(t, c.Config)
			row.run(t, s)
		})
	}
}

// scene is one test in a namespace of its own.
type scene struct {
	*cluster
	ns       string
	id       contest.TestID
	launcher *kube.Launcher
}

func (s *scene) open(t *testing.T, as *rest.Config) *kube.Launcher {
	t.Helper()
	l, err := kube.New(as, kube.Config{
		Namespace: s.ns, Scenarios: scenarios.Files(), BlacklistIPs: []string{"10.0.0.0/8"}, Grace: 2 * time.Second, PushInterval: time.Second,
		Runner: kube.Runner{
			Image: "runner:1", Most: 4, Separate: true, PullSecrets: []string{"pull"}, NodeSelector: map[string]string{"pool": "load"},
			Tolerations: []corev1.Toleration{{Key: "load", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}},
			Resources:   corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")}},
		},
	})
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

func (s *scene) launch() contest.Launch {
	return contest.Launch{
		TestID: s.id, Team: "Good_Team", Scenario: "search", Level: contest.Level{Users: 25}, Generators: 2, Memory: 768 << 20,
		Env:     map[string]string{"API_URL": "http://me:" + canary + `@127.0.0.1/?a="b c"`, "USERS": "25"},
		Timeout: contest.Duration(time.Minute), WriteURL: "http://metrics/write", WriteToken: canary,
	}
}

// under starts the launch and has both generators run.
func (s *scene) under(t *testing.T) (name string) {
	t.Helper()
	require.NoError(t, s.launcher.Start(t.Context(), s.launch()))
	name = kube.Name(s.id)
	s.runners(t, s.ns, name, kube.StageStarted)
	return name
}

func (s *scene) done(t *testing.T) contest.LaunchResult {
	t.Helper()
	var status contest.LaunchStatus
	require.Eventually(t, func() bool {
		var err error
		status, err = s.launcher.Status(t.Context(), s.id)
		require.NoError(t, err)
		return status.State == contest.LaunchDone
	}, 20*time.Second, 20*time.Millisecond)
	return status.Result
}

// left lists what there is of launches.
func (s *scene) left(t *testing.T) (names []string) {
	t.Helper()
	for _, list := range []client.ObjectList{&kube.TestRunList{}, &corev1.ConfigMapList{}, &corev1.SecretList{}, &corev1.PodList{}} {
		require.NoError(t, s.List(t.Context(), list, client.InNamespace(s.ns)))
		text, err := json.Marshal(list)
		require.NoError(t, err)
		var all struct {
			Items []struct{ Metadata metav1.ObjectMeta }
		}
		require.NoError(t, json.Unmarshal(text, &all))
		for _, item := range all.Items {
			if item.Metadata.Name != "kube-root-ca.crt" {
				names = append(names, item.Metadata.Name)
			}
		}
	}
	return names
}

func order(t *testing.T, s *scene) {
	require.NoError(t, s.launcher.Start(t.Context(), s.launch()))
	require.NoError(t, s.launcher.Start(t.Context(), s.launch()), "twice is once")
	name := kube.Name(s.id)
	require.Regexp(t, `^k6-good-team-search-25-01k-[0-9a-f]{10}$`, name)
	var run kube.TestRun
	require.NoError(t, s.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, &run))
	require.Equal(t, []string{
		"--out", "experimental-prometheus-rw", "--tag", "testid=Good_Team-search-25-01k", "--tag", "team=Good_Team",
		"--tag", "test_scenario=search", "--tag", "level=25", "--blacklist-ip", "10.0.0.0/8",
	}, run.Spec.Args)
	require.Equal(t, int32(2), run.Spec.Parallelism)
	require.Equal(t, "768Mi 768Mi", run.Spec.Runner.Resources.Requests.Memory().String()+" "+run.Spec.Runner.Resources.Limits.Memory().String())
	require.Equal(t, "Good_Team", run.Labels["hackload.kz/team"])
	require.Equal(t, "false", run.Spec.Runner.AutomountServiceAccountToken)
	text, err := json.Marshal(run)
	require.NoError(t, err)
	require.NotContains(t, string(text), canary)
	var secret corev1.Secret
	require.NoError(t, s.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, &secret))
	require.Equal(t, s.launch().Env["API_URL"], string(secret.Data["API_URL"]))
	require.Equal(t, canary, string(secret.Data["K6_PROMETHEUS_RW_BEARER_TOKEN"]))
	for _, e := range run.Spec.Runner.Env {
		require.Contains(t, secret.Data, e.ValueFrom.SecretKeyRef.Key)
		require.Empty(t, e.Value)
	}
	var script corev1.ConfigMap
	require.NoError(t, s.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: run.Spec.Script.ConfigMap.Name}, &script))
	require.True(t, *script.Immutable)
	require.Contains(t, script.Data[run.Spec.Script.ConfigMap.File], `from "k6/http"`)
	s.runners(t, s.ns, name, kube.StageCreated) // the strictest profile takes them
	status, err := s.launcher.Status(t.Context(), s.id)
	require.NoError(t, err)
	require.Equal(t, contest.LaunchRunning, status.State)
	ids, err := s.launcher.List(t.Context())
	require.NoError(t, err)
	require.Equal(t, []contest.TestID{s.id}, ids)
}

func ends(t *testing.T, s *scene) {
	s.obeys(t, s.ns, func() corev1.ContainerState { return exited(105, "Error") })
	name := s.under(t)
	s.says(t, s.ns, name+"-1-x", exited(0, "Completed"))
	s.says(t, s.ns, name+"-2-x", exited(99, "Error"))
	r := s.done(t)
	require.Equal(t, []int{0, 99}, r.ExitCodes)
	require.Empty(t, r.Trouble)
	require.Equal(t, 41*time.Second, r.Ended.Sub(r.Started))
	require.NoError(t, s.launcher.Stop(t.Context(), s.id), "what has ended is not stopped")
	require.Equal(t, r, s.done(t))
	require.NoError(t, s.launcher.Remove(t.Context(), s.id))
	require.NoError(t, s.launcher.Remove(t.Context(), s.id))
	require.Eventually(t, func() bool { return len(s.left(t)) == 0 }, 5*time.Second, 50*time.Millisecond)
}

func adopted(t *testing.T, s *scene) {
	name := s.under(t)
	s.launcher.Close()
	_, err := s.launcher.Status(t.Context(), s.id)
	require.ErrorIs(t, err, kube.ErrClosed)
	s.says(t, s.ns, name+"-1-x", exited(0, "Completed"))
	s.launcher = s.open(t, s.Config)
	require.NoError(t, s.launcher.Start(t.Context(), s.launch()))
	status, err := s.launcher.Status(t.Context(), s.id)
	require.NoError(t, err)
	require.Equal(t, contest.LaunchRunning, status.State)
	s.says(t, s.ns, name+"-2-x", exited(108, "Error"))
	require.Equal(t, []int{0, 108}, s.done(t).ExitCodes)
}

func stopped(t *testing.T, s *scene) {
	s.obeys(t, s.ns, func() corev1.ContainerState { return exited(105, "Error") })
	s.under(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.launcher.Stop(ctx, s.id), context.Canceled)
	require.NoError(t, s.launcher.Stop(t.Context(), s.id))
	r := s.done(t)
	require.Equal(t, []int{105, 105}, r.ExitCodes)
	require.Regexp(t, `^the run was stopped on request after \d+ s$`, r.Trouble)
	require.NoError(t, s.launcher.Start(t.Context(), s.launch()))
	require.Equal(t, r, s.done(t), "an ended launch is left as it is")
}

// An order that was interrupted after its first object is finished by the next.
func interrupted(t *testing.T, s *scene) {
	require.NoError(t, s.launcher.Start(t.Context(), s.launch()))
	s.launcher.Close()
	name := kube.Name(s.id)
	require.NoError(t, s.Delete(t.Context(), &kube.TestRun{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: name}}))
	s.launcher = s.open(t, s.Config)
	again := s.launch()
	again.WriteToken = "another"
	require.NoError(t, s.launcher.Start(t.Context(), again))
	var secret corev1.Secret
	require.NoError(t, s.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, &secret))
	require.Equal(t, "another", string(secret.Data["K6_PROMETHEUS_RW_BEARER_TOKEN"]))
	require.NoError(t, s.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, &kube.TestRun{}))
}

func outOfMemory(t *testing.T, s *scene) {
	s.obeys(t, s.ns, func() corev1.ContainerState { return exited(105, "Error") })
	name := s.under(t)
	s.says(t, s.ns, name+"-2-x", exited(137, "OOMKilled"))
	r := s.done(t)
	require.Equal(t, "generator 2 of 2 was OOM-killed after 41 s; memory limit 768Mi", r.Trouble)
	require.Equal(t, contest.ShortOfMemory, r.Short)
	require.Equal(t, []int{105, -1}, r.ExitCodes, "the other is not left alone")
}

func deleted(t *testing.T, s *scene) {
	s.obeys(t, s.ns, func() corev1.ContainerState { return exited(105, "Error") })
	name := s.under(t)
	require.NoError(t, s.Delete(t.Context(), &kube.TestRun{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: name}}))
	require.Regexp(t, `^the TestRun was deleted by somebody else after \d+ s$`, s.done(t).Trouble)
}

func unusable(t *testing.T, s *scene) {
	l, err := kube.New(s.Config, kube.Config{Namespace: s.ns, Runner: kube.Runner{Image: "x"}, Scenarios: fstest.MapFS{
		"broken.js":        {Data: []byte("export default function ( {")},
		"cities.js":        {Data: []byte("const all = open('./data/cities.json'); export default function () { return all }")},
		"data/cities.json": {Data: []byte(strings.Repeat("x", 1100<<10))},
		"large.js":         {Data: []byte("export default function () { return '" + strings.Repeat("x", 1100<<10) + "' }")},
	}})
	require.NoError(t, err)
	defer l.Close()
	s.launcher = l
	for _, row := range []struct{ scenario, want string }{
		{"broken", "broken.js:1:"},
		{"large", "large.js has 1126440 bytes, and a ConfigMap or a Secret holds 1024000"},
		{"cities", "scenario cities opens data/cities.json of 1126400 bytes, and all that it opens may have 1024000 together: put it into the volume of users (kubernetes.users_claim), and open it as /users/cities.json"},
	} {
		order := s.launch()
		order.Scenario = row.scenario
		require.NoError(t, l.Start(t.Context(), order))
		r := s.done(t)
		require.Contains(t, r.Unusable, row.want)
		require.Empty(t, r.Trouble)
		require.NoError(t, l.Remove(t.Context(), s.id))
	}
	require.Empty(t, s.left(t))
}

func refused(t *testing.T, s *scene) {
	for _, row := range []struct {
		change func(*contest.Launch)
		want   string
	}{
		{func(o *contest.Launch) { o.TestID = "../x" }, `testid "../x" is not valid`},
		{func(o *contest.Launch) { o.Team = "a b" }, `team "a b" is not valid`},
		{func(o *contest.Launch) { o.Scenario = "../x" }, "is not a script's name"},
		{func(o *contest.Launch) { o.Scenario = "typo" }, "there is no scenario typo"},
		{func(o *contest.Launch) { o.Env["LD_PRELOAD"] = "" }, "LD_PRELOAD cannot be handed"},
		{func(o *contest.Launch) { o.Generators = 5 }, "level 25 needs 5 runners, and kubernetes.max_runners allows 4"},
		{func(o *contest.Launch) { o.Env["USERS_FILE"] = "/etc/users.csv" }, "users file users.csv is on no volume of the runners"},
	} {
		order := s.launch()
		row.change(&order)
		require.ErrorContains(t, s.launcher.Start(t.Context(), order), row.want)
		require.Empty(t, s.left(t))
	}
}

// Whoever may do nothing is told what is missing, and leaves nothing behind.
func strangers(t *testing.T, s *scene) {
	for token, want := range map[string]string{
		kubetest.OtherToken: `cannot list resource "testruns"`, "expired": "the credentials have expired or are wrong",
	} {
		require.ErrorContains(t, s.open(t, s.As(token)).Start(t.Context(), s.launch()), want)
	}
	require.Empty(t, s.left(t))
	for _, row := range []struct {
		token string
		want  string
	}{
		{kubetest.OtherToken, "we may not list testruns.k6.io in namespace strangers"},
		{kubetest.OtherToken, "we may not get pods/log in namespace strangers"},
		{"expired", "the credentials have expired or are wrong"},
	} {
		require.Contains(t, s.check(t, s.As(row.token), s.ns), row.want)
	}
	require.Empty(t, s.check(t, s.Config, s.ns))
	require.Contains(t, s.check(t, s.Config, "nowhere"), "namespace nowhere does not exist")
	away := rest.CopyConfig(s.Config)
	away.Host = "https://127.0.0.1:1"
	require.Contains(t, s.check(t, away, s.ns), "the cluster at https://127.0.0.1:1 does not answer")
	require.NoError(t, s.Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "small"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourceLimitsMemory: resource.MustParse("1Gi")}},
	}))
	require.Equal(t, "kubernetes: quota small of namespace strangers allows 1Gi of limits.memory, and 4 runners (kubernetes.max_runners) need 4Gi", s.check(t, s.Config, s.ns))
}

func (s *scene) check(t *testing.T, as *rest.Config, namespace string) string {
	t.Helper()
	return strings.Join(kube.Check(t.Context(), as, kube.Config{Namespace: namespace, Runner: kube.Runner{Image: "x", Most: 4}}), "\n")
}

// A launch costs the cluster a handful of requests, however long it takes and
// however often it is looked at.
func requests(t *testing.T, s *scene) {
	s.launcher.Close()
	var n atomic.Int64
	counted := rest.CopyConfig(s.Config)
	counted.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			n.Add(1)
			return next.RoundTrip(r)
		})
	})
	s.launcher = s.open(t, counted)
	_, err := s.launcher.List(t.Context())
	require.NoError(t, err)
	require.LessOrEqual(t, n.Load(), int64(12), "a list and a watch of each kind, and whether we may")
	before := n.Load()
	name := s.under(t)
	for range 1000 {
		_, err := s.launcher.Status(t.Context(), s.id)
		require.NoError(t, err)
	}
	s.says(t, s.ns, name+"-1-x", exited(0, "Completed"))
	s.says(t, s.ns, name+"-2-x", exited(0, "Completed"))
	s.done(t)
	require.NoError(t, s.launcher.Remove(t.Context(), s.id))
	require.LessOrEqual(t, n.Load()-before, int64(12), "record, script, Secret, TestRun, result, and their deletion")
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
