// Package kube runs the load of a launch on a Kubernetes cluster, by a TestRun
// for k6-operator: the types of that resource, and a launcher.
//
// In goes a contest.Launch, out come its status, its progress and how it ended.
// A launch is three objects of one name: a ConfigMap that is its record, a Secret
// with all that its script is told, and the TestRun, which holds no secret. What
// the launcher knows it knows from watching them and the runners' Pods, so that a
// new launcher over the same namespace goes on where an old one was killed.
//
// The operator's stages say nothing about success, so the end of a run is read
// from its Pods: exit codes, kills for want of memory, evictions, images that
// cannot be pulled, nodes without room. It is written to the record before the
// TestRun is let go, and stays the same ever after.
package kube
