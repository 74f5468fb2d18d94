package kube

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const requestTimeout = 30 * time.Second

// Connect reads how to reach a cluster: from a kubeconfig file, or where there
// is none, from what a Pod of the cluster has. It asks nobody. The libraries log
// to l from then on, see Quiet; nil is nowhere.
func Connect(kubeconfig string, l *slog.Logger) (*rest.Config, error) {
	Quiet(l)
	if kubeconfig == "" {
		c, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("find the cluster: kubernetes.kubeconfig is not set, and this is no Pod of one: %w", err)
		}
		return c, nil
	}
	c, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig %s: %w", kubeconfig, err)
	}
	return c, nil
}

// api is the connection to one cluster: a client that asks it, and a cache that
// is kept true by watches.
type api struct {
	client client.Client
	cache  cache.Cache
	pods   podLogs
}

// types is what is spoken of with the cluster.
func types() (*runtime.Scheme, meta.RESTMapper, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{AddToScheme, corev1.AddToScheme, authorizationv1.AddToScheme} {
		if err := add(s); err != nil {
			return nil, nil, err
		}
	}
	// The few kinds are known beforehand, so the cluster need not be asked what it has.
	m := meta.NewDefaultRESTMapper(nil)
	for _, kind := range []schema.GroupVersionKind{
		GroupVersion().WithKind("TestRun"), corev1.SchemeGroupVersion.WithKind("ConfigMap"), corev1.SchemeGroupVersion.WithKind("Secret"),
		corev1.SchemeGroupVersion.WithKind("Pod"), corev1.SchemeGroupVersion.WithKind("Event"), corev1.SchemeGroupVersion.WithKind("ResourceQuota"),
	} {
		m.Add(kind, meta.RESTScopeNamespace)
		kind.Kind += "List" // which the cache asks for
		m.Add(kind, meta.RESTScopeNamespace)
	}
	m.Add(corev1.SchemeGroupVersion.WithKind("Namespace"), meta.RESTScopeRoot)
	m.Add(authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectAccessReview"), meta.RESTScopeRoot)
	return s, m, nil
}

// newAPI makes a client. It asks nobody yet.
func newAPI(c *rest.Config, cfg Config) (api, error) {
	Quiet(cfg.Log)
	to := rest.CopyConfig(c)
	to.UserAgent, to.QPS, to.Burst = "hackload", 50, 100
	s, m, err := types()
	if err != nil {
		return api{}, fmt.Errorf("describe the cluster's types: %w", err)
	}
	// Watches last for minutes, so only what is asked once has a timeout.
	watching, err := rest.HTTPClientFor(to)
	if err != nil {
		return api{}, fmt.Errorf("connect to the cluster: %w", err)
	}
	asking := &http.Client{Transport: watching.Transport, Timeout: requestTimeout}
	var a api
	if a.client, err = client.New(to, client.Options{HTTPClient: asking, Scheme: s, Mapper: m}); err != nil {
		return api{}, fmt.Errorf("connect to the cluster: %w", err)
	}
	a.client = client.WithFieldValidation(a.client, "Strict")
	if a.cache, err = cache.New(to, cacheOptions(watching, s, m, cfg.Namespace)); err != nil {
		return api{}, fmt.Errorf("connect to the cluster: %w", err)
	}
	a.pods, err = newPodLogs(to, asking)
	return a, err
}

// cacheOptions keep no more than what is ours.
func cacheOptions(h *http.Client, s *runtime.Scheme, m meta.RESTMapper, namespace string) cache.Options {
	ours := labels.NewSelector()
	if r, err := labels.NewRequirement(labelLaunch, selection.Exists, nil); err == nil {
		ours = ours.Add(*r)
	}
	return cache.Options{
		HTTPClient: h, Scheme: s, Mapper: m, DefaultNamespaces: map[string]cache.Config{namespace: {}},
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&TestRun{}: {Label: ours}, &corev1.Pod{}: {Label: ours},
			&corev1.ConfigMap{}: {Label: labels.SelectorFromSet(labels.Set{labelKind: kindRecord})},
		},
	}
}

// quieted guards what the libraries have one of in the whole process.
var quieted sync.Once

// Quiet gives the libraries, which log for the whole process, the first log that
// they are offered. They do not bear it while they are at work, so it comes before
// anything that they are asked for.
func Quiet(l *slog.Logger) {
	quieted.Do(func() {
		if l == nil {
			l = slog.New(slog.DiscardHandler)
		}
		to := logr.FromSlogHandler(l.Handler())
		log.SetLogger(to)
		klog.SetLogger(to)
	})
}
