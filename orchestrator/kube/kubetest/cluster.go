//go:build kube

package kubetest

import (
	"bytes"
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
	runtimepkg "runtime"
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

// Cluster is an API server over an etcd, with nobody that acts: a test is the
// operator and the nodes.
type Cluster struct {
	client.Client
	Config *rest.Config // of its administrator
	dir    string
}

const (
	adminToken = "admin-token"
	OtherToken = "other-token" // of somebody who may do nothing
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

// Start starts etcd and an API server, and applies the TestRun resource:
// the operator's own where TESTRUN_CRD names its file.
func Start(t *testing.T) *Cluster {
	t.Helper()
	c := &Cluster{dir: t.TempDir()}
	etcd, peer, secure := freePort(t), freePort(t), freePort(t)
	store := fmt.Sprintf("http://127.0.0.1:%d", etcd)
	c.run(t, "etcd", program(t, "etcd"), "--name", "n", "--data-dir", filepath.Join(c.dir, "etcd"), "--log-level", "error", "--unsafe-no-fsync",
		"--listen-client-urls", store, "--advertise-client-urls", store,
		"--listen-peer-urls", fmt.Sprintf("http://127.0.0.1:%d", peer), "--initial-advertise-peer-urls", fmt.Sprintf("http://127.0.0.1:%d", peer),
		"--initial-cluster", fmt.Sprintf("n=http://127.0.0.1:%d", peer))
	tokens, key := filepath.Join(c.dir, "tokens"), serviceKey(t, c.dir)
	require.NoError(t, os.WriteFile(tokens, []byte(adminToken+",admin,1,system:masters\n"+OtherToken+",other,2\n"), 0o600))
	c.run(t, "apiserver",
		program(t, "kube-apiserver"), "--etcd-servers", store, "--bind-address", "127.0.0.1", "--secure-port", fmt.Sprint(secure),
		"--cert-dir", filepath.Join(c.dir, "pki"), "--token-auth-file", tokens, "--authorization-mode", "RBAC", "--anonymous-auth=false",
		"--service-cluster-ip-range", "10.0.0.0/24", "--service-account-issuer", "https://localhost",
		"--service-account-key-file", key, "--service-account-signing-key-file", key, "--disable-admission-plugins", "ServiceAccount",
	)
	kube.Quiet(nil)
	c.Config = &rest.Config{Host: fmt.Sprintf("https://127.0.0.1:%d", secure), BearerToken: adminToken, TLSClientConfig: rest.TLSClientConfig{Insecure: true}, QPS: 200, Burst: 400}
	s := runtime.NewScheme()
	require.NoError(t, kube.AddToScheme(s))
	require.NoError(t, corev1.AddToScheme(s))
	require.Eventually(t, func() bool {
		var err error
		if c.Client, err = client.New(c.Config, client.Options{Scheme: s}); err != nil {
			return false
		}
		return c.Get(t.Context(), client.ObjectKey{Name: "default"}, &corev1.Namespace{}) == nil
	}, time.Minute, 200*time.Millisecond, "the API server is not ready")
	c.define(t)
	return c
}

// run runs a program until the test's end.
func (c *Cluster) run(t *testing.T, name string, args ...string) {
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
func (c *Cluster) define(t *testing.T) {
	t.Helper()
	path := os.Getenv("TESTRUN_CRD")
	if path == "" {
		_, here, _, _ := runtimepkg.Caller(0)
		path = filepath.Join(filepath.Dir(here), "..", "testdata", "testruns.yaml")
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

// Namespace makes a namespace as strict as the runners' one is meant to be.
func (c *Cluster) Namespace(t *testing.T, name string) {
	t.Helper()
	require.NoError(t, c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}))
}

// As is the cluster for somebody else.
func (c *Cluster) As(token string) *rest.Config {
	config := rest.CopyConfig(c.Config)
	config.BearerToken = token
	return config
}
