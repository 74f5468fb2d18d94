//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// readObject reads a YAML document into an object of Kubernetes.
func readObject(t *testing.T, text []byte, into any) {
	t.Helper()
	var tree map[string]any
	require.NoError(t, yaml.Unmarshal(text, &tree))
	text, err := json.Marshal(tree)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into))
}

// as is the cluster for an account of the namespace with our own role, changed.
func (c *cluster) as(t *testing.T, namespace, name string, change func(*rbacv1.Role)) *rest.Config {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "manifests", "k6-runs", "role.yaml"))
	require.NoError(t, err)
	var role rbacv1.Role
	before, _, _ := strings.Cut(string(text), "\n---\n")
	readObject(t, []byte(before), &role)
	role.Name, role.Namespace = name, namespace
	change(&role)
	meta := metav1.ObjectMeta{Name: name}
	_, err = c.RbacV1().Roles(namespace).Create(t.Context(), &role, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = c.CoreV1().ServiceAccounts(namespace).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = c.RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: name, Namespace: namespace}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	token, err := c.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	require.NoError(t, err)
	return &rest.Config{Host: c.config.Host, BearerToken: token.Status.Token, TLSClientConfig: rest.TLSClientConfig{CAData: c.config.CAData}}
}

// check is what `hackload check` says of the cluster to somebody.
func (c *cluster) check(t *testing.T, as *rest.Config, namespace string) string {
	t.Helper()
	dir := t.TempDir()
	config := clientcmdapi.NewConfig()
	config.Clusters["e2e"] = &clientcmdapi.Cluster{Server: as.Host, CertificateAuthorityData: as.CAData}
	config.AuthInfos["e2e"] = &clientcmdapi.AuthInfo{Token: as.BearerToken, ClientCertificateData: as.CertData, ClientKeyData: as.KeyData}
	config.Contexts["e2e"] = &clientcmdapi.Context{Cluster: "e2e", AuthInfo: "e2e"}
	config.CurrentContext = "e2e"
	kubeconfig, file := filepath.Join(dir, "kubeconfig"), filepath.Join(dir, "hackload.yaml")
	require.NoError(t, clientcmd.WriteToFile(*config, kubeconfig))
	text := fmt.Sprintf("load: {launcher: testrun}\nmetrics: {listen: ':9091', url: 'http://metrics:9091'}\nkubernetes: {namespace: %s, runner_image: %s, max_runners: 4}\n", namespace, runnerImage)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	cmd := program(t, "check", "--config", file)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig) // which wins over the file, and is the administrator's here
	out, _ := cmd.CombinedOutput()                           // it fails, as there is no Hub either
	return string(out)
}

// A verb that the role lacks is named, by the check and by the launcher.
func TestVerbThatIsMissing(t *testing.T) {
	c := connect(t)
	for _, row := range []struct {
		name, resource, verb string
		told                 string // by the launcher
	}{
		{"nothing", "", "", ""},
		{"create TestRuns", "testruns", "create", `cannot create resource "testruns" in API group "k6.io"`},
		{"write Secrets", "secrets", "create", `cannot create resource "secrets"`},
		{"list Pods", "pods", "list", `we may not list pods in namespace`},
		{"watch TestRuns", "testruns", "watch", `we may not watch testruns.k6.io`},
	} {
		t.Run(row.name, func(t *testing.T) {
			namespace := c.namespace(t)
			account := c.as(t, namespace, "orchestrator", func(role *rbacv1.Role) {
				for i, rule := range role.Rules {
					if slices.Contains(rule.Resources, row.resource) {
						role.Rules[i].Verbs = slices.DeleteFunc(rule.Verbs, func(v string) bool { return v == row.verb })
					}
				}
			})
			said := c.check(t, account, namespace)
			of := *c
			of.config = account
			err := of.launcher(t, namespace, odd).Start(t.Context(), oddLaunch("sleeps"))
			if row.verb == "" {
				assert.NotContains(t, said, "kubernetes:")
				require.NoError(t, err)
				return
			}
			t.Log(err)
			assert.Regexp(t, `kubernetes: we may not `+row.verb+` `+row.resource+`[a-z0-9.]* in namespace `+namespace+`: add it to the role`, said)
			require.ErrorContains(t, err, row.told)
			c.empty(t, namespace)
		})
	}
}

// empty demands that there is nothing of a launch in a namespace.
func (c *cluster) empty(t *testing.T, namespace string) {
	t.Helper()
	records, err := c.CoreV1().ConfigMaps(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "hackload.kz/launch"})
	require.NoError(t, err)
	assert.Empty(t, records.Items)
	secrets, err := c.CoreV1().Secrets(namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	assert.Empty(t, secrets.Items)
	runs, err := c.runs.Namespace(namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	assert.Empty(t, runs.Items)
}

func TestNamespaceThatIsBeingDeleted(t *testing.T) {
	c := connect(t)
	namespace := c.namespace(t)
	l := c.launcher(t, namespace, odd)
	_, err := l.List(t.Context())
	require.NoError(t, err)
	held, err := c.CoreV1().ConfigMaps(namespace).Create(t.Context(), &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "held", Finalizers: []string{"hackload.kz/e2e"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		held.Finalizers = nil
		_, err := c.CoreV1().ConfigMaps(namespace).Patch(context.Background(), "held", "application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		require.NoError(t, err)
	})
	require.NoError(t, c.CoreV1().Namespaces().Delete(t.Context(), namespace, metav1.DeleteOptions{}))
	err = l.Start(t.Context(), oddLaunch("sleeps"))
	require.ErrorContains(t, err, "namespace "+namespace+" is being deleted")
	assert.Contains(t, c.check(t, c.config, namespace), "kubernetes: namespace "+namespace+" is being deleted")
}

// Without k6-operator's resource there is one sentence about it, not a wait.
func TestClusterWithoutTestRuns(t *testing.T) {
	c := connect(t)
	namespace := c.namespace(t)
	all, err := dynamic.NewForConfig(c.config)
	require.NoError(t, err)
	definitions := all.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	crd, err := definitions.Get(t.Context(), "testruns.k6.io", metav1.GetOptions{})
	require.NoError(t, err)
	require.NoError(t, definitions.Delete(t.Context(), crd.GetName(), metav1.DeleteOptions{}))
	served := func(ctx context.Context) (bool, error) {
		_, err := c.runs.Namespace(namespace).List(ctx, metav1.ListOptions{})
		return err == nil, err
	}
	t.Cleanup(func() {
		ctx := context.Background()
		again := &unstructured.Unstructured{Object: object{"apiVersion": crd.GetAPIVersion(), "kind": crd.GetKind(), "metadata": object{"name": crd.GetName(), "annotations": crd.Object["metadata"].(object)["annotations"]}, "spec": crd.Object["spec"]}}
		for ctx, cancel := context.WithTimeout(ctx, patience); ; {
			_, err := definitions.Create(ctx, again, metav1.CreateOptions{})
			if err == nil || ctx.Err() != nil {
				cancel()
				require.NoError(t, err)
				break
			}
		}
		require.Eventually(t, func() bool { yes, _ := served(ctx); return yes }, patience, tick)
	})
	c.eventually(t, "TestRuns are not served any more", func(ctx context.Context) (bool, error) {
		yes, _ := served(ctx)
		return !yes, nil
	})
	assert.Contains(t, c.check(t, c.config, namespace), "kubernetes: the cluster has no testruns.k6.io (CustomResourceDefinition): install k6-operator 1.6.0 or newer")
	err = c.launcher(t, namespace, odd).Start(t.Context(), oddLaunch("sleeps"))
	require.ErrorContains(t, err, "the cluster has no testruns.k6.io (CustomResourceDefinition): install k6-operator 1.6.0 or newer")
}
