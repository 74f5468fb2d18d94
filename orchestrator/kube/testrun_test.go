package kube_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/randfill"

	"github.com/hackload-kz/hackload/orchestrator/kube"
)

func TestScheme(t *testing.T) {
	t.Parallel()
	s := runtime.NewScheme()
	require.NoError(t, kube.AddToScheme(s))
	kinds, _, err := s.ObjectKinds(&kube.TestRun{})
	require.NoError(t, err)
	require.Equal(t, "k6.io/v1alpha1, Kind=TestRun", kinds[0].String())
	require.True(t, s.Recognizes(kube.GroupVersion().WithKind("TestRunList")))
}

// Whatever a TestRun holds, its copy is equal, and shares nothing that a change
// of the one would change in the other.
func TestDeepCopy(t *testing.T) {
	t.Parallel()
	fill := randfill.NewWithSeed(1).NilChance(0.2).NumElements(1, 3).MaxDepth(9)
	for range 50 {
		var list kube.TestRunList
		fill.Fill(&list)
		got := list.DeepCopyObject()
		require.Equal(t, &list, got)
		shared(t, reflect.ValueOf(&list), reflect.ValueOf(got), "list")
	}
}

// shared fails when a and b hold the same pointer, map or slice.
func shared(t *testing.T, a, b reflect.Value, at string) {
	t.Helper()
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || a.Type().Elem().PkgPath() == "time" {
			return // a time is a value; its place is everybody's
		}
		require.NotEqual(t, a.Pointer(), b.Pointer(), at)
		shared(t, a.Elem(), b.Elem(), at)
	case reflect.Struct:
		for i := range a.NumField() {
			if a.Type().Field(i).IsExported() {
				shared(t, a.Field(i), b.Field(i), at+"."+a.Type().Field(i).Name)
			}
		}
	case reflect.Slice:
		if a.Len() == 0 {
			return
		}
		require.NotEqual(t, a.Pointer(), b.Pointer(), at)
		for i := range a.Len() {
			shared(t, a.Index(i), b.Index(i), at)
		}
	case reflect.Map:
		if a.Len() > 0 {
			require.NotEqual(t, a.Pointer(), b.Pointer(), at)
		}
	}
}
