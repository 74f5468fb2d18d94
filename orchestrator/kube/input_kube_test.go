//go:build kube

package kube_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/kube"
)

// Pods that go after the record of their launch leave no note of it.
func forgotten(t *testing.T, s *scene) {
	name := s.under(t)
	s.says(t, s.ns, name+"-1-x", exited(0, "Completed"))
	s.says(t, s.ns, name+"-2-x", exited(0, "Completed"))
	s.done(t)
	var p corev1.Pod
	require.NoError(t, s.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: name + "-2-x"}, &p))
	p.Finalizers = []string{"hackload.kz/late"}
	require.NoError(t, s.Update(t.Context(), &p))
	require.NoError(t, s.launcher.Remove(t.Context(), s.id))
	require.Eventually(t, func() bool {
		require.NoError(t, s.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: name + "-2-x"}, &p))
		if p.DeletionTimestamp == nil {
			return false
		}
		_ = s.Delete(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: name + "-1-x"}}, client.GracePeriodSeconds(0))
		p.Finalizers = nil
		if s.Update(t.Context(), &p) != nil {
			return false
		}
		_ = s.Delete(t.Context(), &p, client.GracePeriodSeconds(0))
		return true
	}, time.Minute, 20*time.Millisecond)
	require.Eventually(t, func() bool { return len(s.left(t)) == 0 && s.launcher.Sights() == 0 }, time.Minute, 20*time.Millisecond)
}

// In a namespace that is being deleted nothing can be made any more.
func namespaceGoing(t *testing.T, s *scene) {
	require.NoError(t, s.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.ns}}))
	require.ErrorContains(t, s.launcher.Start(t.Context(), s.launch()), "namespace namespace-going is being deleted")
	require.Empty(t, s.left(t))
	require.Contains(t, s.check(t, s.Config, s.ns), "namespace namespace-going is being deleted: create it again when it is gone")
}

// What a script is told arrives to the letter.
func spacesAndQuotes(t *testing.T, s *scene) {
	l := s.launch()
	l.Env["ODD"] = "a b  'c' \"d\" $HOME `e` \\f\n\tg; -x"
	require.NoError(t, s.launcher.Start(t.Context(), l))
	var secret corev1.Secret
	require.NoError(t, s.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: kube.Name(s.id)}, &secret))
	require.Equal(t, l.Env["ODD"], string(secret.Data["ODD"]))
	var run kube.TestRun
	require.NoError(t, s.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: kube.Name(s.id)}, &run))
	require.NotContains(t, strings.Join(run.Spec.Args, " "), "ODD", "no argument says it, so nothing has to quote it")
}

// A cluster that does not answer may answer in a moment.
func outOfReach(t *testing.T, s *scene) {
	away := rest.CopyConfig(s.Config)
	away.Host = "https://127.0.0.1:1"
	err := s.open(t, away).Start(t.Context(), s.launch())
	require.ErrorIs(t, err, contest.ErrTryAgain)
	require.ErrorContains(t, err, "the cluster cannot be watched")
	require.ErrorContains(t, err, "127.0.0.1:1")
}

// What a script opens lies beside it, and is there for its runners.
func data(t *testing.T, s *scene) {
	l, err := kube.New(s.Config, kube.Config{Namespace: s.ns, Runner: kube.Runner{Image: "x"}, Scenarios: fstest.MapFS{
		"towns.js":         {Data: []byte("import { read } from './lib/read.js'; const all = open('./data/towns.json') + read(); export default function () { return all }")},
		"lib/read.js":      {Data: []byte("const list = () => open('./names.csv'); export const read = list")},
		"lib/names.csv":    {Data: []byte("name")},
		"data/towns.json":  {Data: []byte("[1]\xff")},
		"data/unused.json": {Data: []byte(strings.Repeat("x", 1100<<10))},
	}})
	require.NoError(t, err)
	defer l.Close()
	order := s.launch()
	order.Scenario, order.Generators = "towns", 1
	require.NoError(t, l.Start(t.Context(), order))
	key := client.ObjectKey{Namespace: s.ns, Name: kube.Name(s.id)}
	var run kube.TestRun
	require.NoError(t, s.Get(t.Context(), key, &run))
	var secret corev1.Secret
	require.NoError(t, s.Get(t.Context(), key, &secret))
	seen := map[string]string{}
	for _, v := range run.Spec.Runner.Volumes {
		if v.Name == "data" {
			for _, item := range v.Secret.Items {
				seen[item.Path] = string(secret.Data[item.Key])
			}
		}
	}
	require.Equal(t, map[string]string{"data/towns.json": "[1]\xff", "lib/names.csv": "name"}, seen)
	require.Equal(t, "/data", run.Spec.Runner.VolumeMounts[len(run.Spec.Runner.VolumeMounts)-1].MountPath)
	require.Equal(t, "true", string(secret.Data[contest.AbortVariable]), "one runner sees all of the load")
	var script corev1.ConfigMap
	require.NoError(t, s.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: run.Spec.Script.ConfigMap.Name}, &script))
	require.Contains(t, script.Data[run.Spec.Script.ConfigMap.File], "\"/data/lib/\" + p")
	s.runners(t, s.ns, key.Name, kube.StageCreated) // the API server takes their volumes
	require.NoError(t, l.Remove(t.Context(), s.id))
}
