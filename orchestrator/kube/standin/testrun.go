package standin

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

const (
	group   = "k6.io"
	version = "v1alpha1"
)

// The stages of a TestRun, in their order. A new one has none.
const (
	stageInitialization = "initialization"
	stageInitialized    = "initialized"
	stageCreated        = "created"
	stageStarted        = "started"
	stageStopped        = "stopped"
	stageFinished       = "finished"
	stageError          = "error"
)

// testRun is as much of a TestRun as the stand-in acts upon.
type testRun struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              spec   `json:"spec"`
	Status            status `json:"status"`
}

type spec struct {
	Script struct {
		ConfigMap struct {
			Name string `json:"name"`
			File string `json:"file"`
		} `json:"configMap"`
		LocalFile string `json:"localFile"`
	} `json:"script"`
	Parallelism int32                  `json:"parallelism"`
	Separate    bool                   `json:"separate"`
	Arguments   string                 `json:"arguments"`
	Args        []string               `json:"args"`
	Ports       []corev1.ContainerPort `json:"ports"`
	Quiet       string                 `json:"quiet"`
	Paused      string                 `json:"paused"`
	Cleanup     string                 `json:"cleanup"`
	Initializer *pod                   `json:"initializer"`
	Starter     pod                    `json:"starter"`
	Runner      pod                    `json:"runner"`
}

// pod is what a TestRun says of the Pods of one kind.
type pod struct {
	Metadata struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Disabled                     bool                              `json:"disabled"`
	Affinity                     *corev1.Affinity                  `json:"affinity"`
	AutomountServiceAccountToken string                            `json:"automountServiceAccountToken"`
	Env                          []corev1.EnvVar                   `json:"env"`
	EnvFrom                      []corev1.EnvFromSource            `json:"envFrom"`
	Image                        string                            `json:"image"`
	ImagePullPolicy              corev1.PullPolicy                 `json:"imagePullPolicy"`
	ImagePullSecrets             []corev1.LocalObjectReference     `json:"imagePullSecrets"`
	NodeSelector                 map[string]string                 `json:"nodeSelector"`
	Tolerations                  []corev1.Toleration               `json:"tolerations"`
	TopologySpread               []corev1.TopologySpreadConstraint `json:"topologySpreadConstraints"`
	Resources                    corev1.ResourceRequirements       `json:"resources"`
	ServiceAccountName           string                            `json:"serviceAccountName"`
	SecurityContext              corev1.PodSecurityContext         `json:"securityContext"`
	ContainerSecurityContext     corev1.SecurityContext            `json:"containerSecurityContext"`
	ReadinessProbe               *corev1.Probe                     `json:"readinessProbe"`
	LivenessProbe                *corev1.Probe                     `json:"livenessProbe"`
	InitContainers               []initContainer                   `json:"initContainers"`
	Volumes                      []corev1.Volume                   `json:"volumes"`
	VolumeMounts                 []corev1.VolumeMount              `json:"volumeMounts"`
	PriorityClassName            string                            `json:"priorityClassName"`
	SchedulerName                string                            `json:"schedulerName"`
}

// initContainer is the part of a container that a TestRun may give.
type initContainer struct {
	Name          string                         `json:"name"`
	Image         string                         `json:"image"`
	Env           []corev1.EnvVar                `json:"env"`
	EnvFrom       []corev1.EnvFromSource         `json:"envFrom"`
	Command       []string                       `json:"command"`
	Args          []string                       `json:"args"`
	WorkingDir    string                         `json:"workingDir"`
	VolumeMounts  []corev1.VolumeMount           `json:"volumeMounts"`
	Resources     corev1.ResourceRequirements    `json:"resources"`
	RestartPolicy *corev1.ContainerRestartPolicy `json:"restartPolicy"`
}

type status struct {
	Stage      string             `json:"stage,omitempty"`
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

func decode(u *unstructured.Unstructured) (*testRun, error) {
	var run testRun
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &run); err != nil {
		return nil, fmt.Errorf("decode the TestRun %s: %w", u.GetName(), err)
	}
	return &run, nil
}

// save writes the status. The rest of a TestRun is its owner's.
func (o *Operator) save(ctx context.Context, run *testRun) error {
	namespaced := o.runs.Namespace(run.Namespace)
	now, err := namespaced.Get(ctx, run.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read the TestRun %s: %w", run.Name, err)
	}
	if now.GetUID() != run.UID {
		return fmt.Errorf("save the stage of %s: another TestRun has its name", run.Name)
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&run.Status)
	if err != nil {
		return fmt.Errorf("encode the status of %s: %w", run.Name, err)
	}
	now.Object["status"] = fields
	if _, err := namespaced.UpdateStatus(ctx, now, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("save the stage of %s: %w", run.Name, err)
	}
	return nil
}

// running notes whether load is under way. There is no more to be learnt from a
// TestRun about how it went.
func (run *testRun) running(s metav1.ConditionStatus) {
	reason := map[metav1.ConditionStatus]string{
		metav1.ConditionUnknown: "TestRunPreparation", metav1.ConditionTrue: "TestRunRunningTrue", metav1.ConditionFalse: "TestRunRunningFalse",
	}[s]
	meta.SetStatusCondition(&run.Status.Conditions, metav1.Condition{Type: "TestRunRunning", Status: s, Reason: reason})
}

func (run *testRun) labels(more map[string]string, runner bool) map[string]string {
	all := map[string]string{}
	for k, v := range more {
		all[k] = v
	}
	all["app"], all["k6_cr"] = "k6", run.Name
	if runner {
		all["runner"] = "true"
	}
	return all
}

func (run *testRun) owner() []metav1.OwnerReference {
	yes := true
	return []metav1.OwnerReference{{APIVersion: group + "/" + version, Kind: "TestRun", Name: run.Name, UID: run.UID, Controller: &yes, BlockOwnerDeletion: &yes}}
}
