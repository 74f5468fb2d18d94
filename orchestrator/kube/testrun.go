package kube

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is where TestRun belongs.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: "k6.io", Version: "v1alpha1"}
}

// Stage is how far the operator has come with a TestRun. A new one has none.
type Stage string

// The stages of a TestRun, in order. Finished says nothing of success.
const (
	StageInitialization Stage = "initialization"
	StageInitialized    Stage = "initialized"
	StageCreated        Stage = "created"
	StageStarted        Stage = "started"
	StageStopped        Stage = "stopped"
	StageFinished       Stage = "finished"
	StageError          Stage = "error"
)

// TestRun asks k6-operator for a distributed run of one script. It has those
// fields of the operator's resource that are used here.
type TestRun struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   TestRunSpec   `json:"spec"`
	Status TestRunStatus `json:"status,omitempty"`
}

// TestRunList is what a list of TestRuns answers.
type TestRunList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []TestRun `json:"items"`
}

// TestRunSpec is not looked at again once the TestRun exists.
type TestRunSpec struct {
	Script      Script `json:"script"`
	Parallelism int32  `json:"parallelism"`        // runners that share the load, at least 1
	Separate    bool   `json:"separate,omitempty"` // no two runners on one node
	// Args are the words behind "k6 run", as they are. The operator has them since
	// 1.6.0; the older field, one string, is cut at every blank.
	Args        []string `json:"args,omitempty"`
	Quiet       string   `json:"quiet,omitempty"`
	Runner      Pod      `json:"runner,omitempty"`
	Starter     *Pod     `json:"starter,omitempty"`
	Initializer *Pod     `json:"initializer,omitempty"`
}

// Script says where the script is.
type Script struct {
	ConfigMap *ConfigMapScript `json:"configMap,omitempty"`
}

// ConfigMapScript is a script in a ConfigMap; its keys become files in /test.
type ConfigMapScript struct {
	Name string `json:"name"`
	File string `json:"file,omitempty"`
}

// Pod is what a TestRun can say of its Pods of one kind.
type Pod struct {
	Disabled                     bool                          `json:"disabled,omitempty"`
	Image                        string                        `json:"image,omitempty"`
	ImagePullPolicy              corev1.PullPolicy             `json:"imagePullPolicy,omitempty"`
	ImagePullSecrets             []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`
	Metadata                     *PodMetadata                  `json:"metadata,omitempty"`
	Env                          []corev1.EnvVar               `json:"env,omitempty"`
	ServiceAccountName           string                        `json:"serviceAccountName,omitempty"`
	AutomountServiceAccountToken string                        `json:"automountServiceAccountToken,omitempty"` // "true" or "false"
	NodeSelector                 map[string]string             `json:"nodeSelector,omitempty"`
	Tolerations                  []corev1.Toleration           `json:"tolerations,omitempty"`
	Resources                    corev1.ResourceRequirements   `json:"resources,omitempty"`
	SecurityContext              *corev1.PodSecurityContext    `json:"securityContext,omitempty"`
	ContainerSecurityContext     *corev1.SecurityContext       `json:"containerSecurityContext,omitempty"`
	ReadinessProbe               *corev1.Probe                 `json:"readinessProbe,omitempty"`
	LivenessProbe                *corev1.Probe                 `json:"livenessProbe,omitempty"`
	Volumes                      []corev1.Volume               `json:"volumes,omitempty"`
	VolumeMounts                 []corev1.VolumeMount          `json:"volumeMounts,omitempty"`
	PriorityClassName            string                        `json:"priorityClassName,omitempty"`
}

// PodMetadata is put on the Pods beside what the operator puts there.
type PodMetadata struct {
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// TestRunStatus is what the operator tells.
type TestRunStatus struct {
	Stage      Stage              `json:"stage,omitempty"`
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// AddToScheme makes TestRun known to s.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion(), &TestRun{}, &TestRunList{})
	metav1.AddToGroupVersion(s, GroupVersion())
	return nil
}
