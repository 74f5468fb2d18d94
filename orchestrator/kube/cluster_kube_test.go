//go:build kube

package kube_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/hackload-kz/hackload/orchestrator/kube"
)

// cluster is an API server over an etcd, with nobody that acts: a test is the
// operator and the nodes.
type cluster struct {
	client.Client
	config *rest.Config
	dir    string
	args   []string
	server *exec.Cmd
}

const (
	adminToken = "admin-token"
	otherToken = "other-token" // of somebody who may do nothing
)

// program finds one of Kubernetes' programs.
func program(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("KUBE_BIN")
	require.NotEmpty(t, dir, "this test was asked for and needs etcd and kube-apiserver in the folder KUBE_BIN")
	path := filepath.Join(dir, name)
	require.FileExists(t, path)
	return path
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// startCluster starts etcd and an API server, and applies the TestRun resource:
// the operator's own where TESTRUN_CRD names its file.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{dir: t.TempDir()}
	etcd, peer, secure := freePort(t), freePort(t), freePort(t)
	store := fmt.Sprintf("http://127.0.0.1:%d", etcd)
	c.run(t, "etcd", program(t, "etcd"), "--name", "n", "--data-dir", filepath.Join(c.dir, "etcd"), "--log-level", "error", "--unsafe-no-fsync",
		"--listen-client-urls", store, "--advertise-client-urls", store,
		"--listen-peer-urls", fmt.Sprintf("http://127.0.0.1:%d", peer), "--initial-advertise-peer-urls", fmt.Sprintf("http://127.0.0.1:%d", peer),
		"--initial-cluster", fmt.Sprintf("n=http://127.0.0.1:%d", peer))
	tokens, key := filepath.Join(c.dir, "tokens"), serviceKey(t, c.dir)
	require.NoError(t, os.WriteFile(tokens, []byte(adminToken+",admin,1,system:masters\n"+otherToken+",other,2\n"), 0o600))
	c.args = []string{
		program(t, "kube-apiserver"), "--etcd-servers", store, "--bind-address", "127.0.0.1", "--secure-port", fmt.Sprint(secure),
		"--cert-dir", filepath.Join(c.dir, "pki"), "--token-auth-file", tokens, "--authorization-mode", "RBAC", "--anonymous-auth=false",
		"--service-cluster-ip-range", "10.0.0.0/24", "--service-account-issuer", "https://localhost",
		"--service-account-key-file", key, "--service-account-signing-key-file", key, "--disable-admission-plugins", "ServiceAccount",
	}
	c.server = c.run(t, "apiserver", c.args...)
	c.config = &rest.Config{Host: fmt.Sprintf("https://127.0.0.1:%d", secure), BearerToken: adminToken, TLSClientConfig: rest.TLSClientConfig{Insecure: true}, QPS: 200, Burst: 400}
	s := runtime.NewScheme()
	require.NoError(t, kube.AddToScheme(s))
	require.NoError(t, corev1.AddToScheme(s))
	require.Eventually(t, func() bool {
		var err error
		if c.Client, err = client.New(c.config, client.Options{Scheme: s}); err != nil {
			return false
		}
		return c.Get(t.Context(), client.ObjectKey{Name: "default"}, &corev1.Namespace{}) == nil
	}, time.Minute, 200*time.Millisecond, "the API server is not ready")
	c.define(t)
	return c
}

// run runs a program until the test's end.
func (c *cluster) run(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	log := &bytes.Buffer{}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %.3000s", name, log.String())
		}
	})
	return cmd
}

func serviceKey(t *testing.T, dir string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	text, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	path := filepath.Join(dir, "sa.key")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: text}), 0o600))
	return path
}

// define makes TestRun known to the API server.
func (c *cluster) define(t *testing.T) {
	t.Helper()
	path := os.Getenv("TESTRUN_CRD")
	if path == "" {
		path = filepath.Join("testdata", "testruns.yaml")
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var content map[string]any
	require.NoError(t, yaml.Unmarshal(text, &content))
	text, err = json.Marshal(content)
	require.NoError(t, err)
	var crd unstructured.Unstructured
	require.NoError(t, crd.UnmarshalJSON(text))
	require.NoError(t, c.Create(t.Context(), &crd))
	require.Eventually(t, func() bool { return c.List(t.Context(), &kube.TestRunList{}) == nil }, 30*time.Second, 100*time.Millisecond)
}

// namespace makes a namespace as strict as the runners' one is meant to be.
func (c *cluster) namespace(t *testing.T, name string) {
	t.Helper()
	require.NoError(t, c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}))
}

// as is the cluster for somebody else.
func (c *cluster) as(token string) *rest.Config {
	config := rest.CopyConfig(c.config)
	config.BearerToken = token
	return config
}

// runners makes a Pod for each runner of a TestRun, of the template that the
// operator would make, on a node that does not exist.
func (c *cluster) runners(t *testing.T, namespace, name string, stage kube.Stage) {
	t.Helper()
	var run kube.TestRun
	require.NoError(t, c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &run))
	p := run.Spec.Runner
	for i := range run.Spec.Parallelism {
		labels := map[string]string{"app": "k6", "k6_cr": name, "runner": "true", "job-name": fmt.Sprintf("%s-%d", name, i+1)}
		for k, v := range p.Metadata.Labels {
			labels[k] = v
		}
		no := false
		require.NoError(t, c.Create(t.Context(), &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("%s-%d-x", name, i+1), Labels: labels},
			Spec: corev1.PodSpec{
				NodeName: "node", RestartPolicy: corev1.RestartPolicyNever, SecurityContext: p.SecurityContext, AutomountServiceAccountToken: &no, Volumes: p.Volumes,
				Containers: []corev1.Container{{
					Name: "k6", Image: p.Image, Env: p.Env, Resources: p.Resources, SecurityContext: p.ContainerSecurityContext,
					LivenessProbe: p.LivenessProbe, ReadinessProbe: p.ReadinessProbe, VolumeMounts: p.VolumeMounts,
				}},
			},
		}))
		c.says(t, namespace, fmt.Sprintf("%s-%d-x", name, i+1), running(time.Now()))
	}
	run.Status.Stage = stage
	run.Status.Conditions = []metav1.Condition{{Type: "TestRunRunning", Status: "True", Reason: "TestRunRunningTrue", LastTransitionTime: metav1.Now()}}
	require.NoError(t, c.Status().Update(t.Context(), &run))
}

func running(since time.Time) corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(since)}}
}

func exited(code int32, reason string) corev1.ContainerState {
	now := time.Now()
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: reason, StartedAt: metav1.NewTime(now.Add(-41 * time.Second)), FinishedAt: metav1.NewTime(now),
	}}
}

// says writes what a node would say of its Pod.
func (c *cluster) says(t *testing.T, namespace, name string, state corev1.ContainerState) {
	t.Helper()
	require.NoError(t, c.say(t.Context(), namespace, name, state))
}

func (c *cluster) say(ctx context.Context, namespace, name string, state corev1.ContainerState) error {
	var p corev1.Pod
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &p); err != nil {
		return err
	}
	p.Status.Phase = corev1.PodRunning
	if ended := state.Terminated; ended != nil {
		p.Status.Phase = corev1.PodSucceeded
		if ended.ExitCode != 0 {
			p.Status.Phase = corev1.PodFailed
		}
	}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "k6", Image: p.Spec.Containers[0].Image, State: state}}
	return c.Status().Update(ctx, &p)
}

// obeys ends Pods that are being deleted, as their node would.
func (c *cluster) obeys(t *testing.T, namespace string, state func() corev1.ContainerState) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			var pods corev1.PodList
			_ = c.List(ctx, &pods, client.InNamespace(namespace)) // the next look is soon
			for _, p := range pods.Items {
				if p.DeletionTimestamp == nil {
					continue
				}
				if p.Status.Phase == corev1.PodRunning {
					_ = c.say(ctx, namespace, p.Name, state())
				}
				_ = c.Delete(ctx, &p, client.GracePeriodSeconds(0))
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	t.Cleanup(func() { stop(); wg.Wait() })
}
