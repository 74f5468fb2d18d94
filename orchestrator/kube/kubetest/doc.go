// Package kubetest starts a real API server of Kubernetes for tests, over an etcd,
// without anything that acts on what is in it. It is test code: nothing that
// ships imports it, and all of it but this comment stands behind the build tag
// "kube".
//
// In come the programs etcd and kube-apiserver, from the folder KUBE_BIN; out
// comes a client of a cluster that knows TestRuns, and where a test wants it, an
// operator and a node of a few lines. It ends with the test, and leaves nothing.
package kubetest
