package kube

import (
	"testing"

	"go.uber.org/goleak"
)

// What looks into several namespaces leaves goroutines of controller-runtime
// behind for the life of a process, two for each kind and namespace.
func TestMain(m *testing.M) {
	const of = "sigs.k8s.io/controller-runtime/pkg/cache.newMultiNamespaceInformer"
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(of+".func1"), goleak.IgnoreAnyFunction(of+"HandlerRegistration.func1"))
}
