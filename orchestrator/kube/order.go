package kube

import (
	"maps"
	"path"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

const (
	restPort   = 6565 // of a generator's REST API
	scriptFile = "scenario.js"
	usersKey   = "users.csv"
	usersDir   = "/users"  // of the configured volume
	dataDir    = "/data"   // of what the script opens
	sampleDir  = "/sample" // of the launch's own users
	runnerUser = 12345     // that k6's own image has
)

// usualResources are a generator's when nothing else is configured: what is
// asked for is also the limit of memory, so that a node is never overbooked.
func usualResources() corev1.ResourceRequirements {
	memory := resource.MustParse("1Gi")
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: memory},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: memory},
	}
}

// order is one launch on its way to the cluster.
type order struct {
	launch contest.Launch
	name   string
	script []byte
	users  []byte // nil: the script needs none, or they come from a volume
	data   []dataFile
}

// dataFile is a file that a script may open.
type dataFile struct {
	path    string // below the scenarios, with slashes
	key     string // in the launch's Secret
	content []byte
}

func (o order) scriptName() string { return "k6-script-" + digest(o.script)[:20] }

func (o order) told() map[string]string {
	return map[string]string{
		labelLaunch: o.name, labelTestID: string(o.launch.TestID), labelTeam: string(o.launch.Team),
		labelScenario: o.launch.Scenario, labelLevel: strconv.Itoa(o.launch.Level.Users),
	}
}

// meta is the metadata of the launch's object of a kind.
func (l *Launcher) meta(o order, kind string) metav1.ObjectMeta {
	values := o.told()
	if kind != "" {
		values[labelKind] = kind
	}
	labels, annotations := tell(values)
	return metav1.ObjectMeta{Name: o.name, Namespace: l.cfg.Namespace, Labels: labels, Annotations: annotations}
}

// testRun asks for the launch's generators. Each variable is a reference to the
// launch's Secret: whoever may read TestRuns or Pods sees no address, no token.
func (l *Launcher) testRun(o order) *TestRun {
	labels, annotations := tell(o.told())
	pod := Pod{
		Image: l.cfg.Image, Metadata: &PodMetadata{Labels: labels, Annotations: annotations},
		ServiceAccountName: l.cfg.ServiceAccount, AutomountServiceAccountToken: "false",
		NodeSelector: l.cfg.NodeSelector, Tolerations: l.cfg.Tolerations, Resources: l.resources(o.launch),
	}
	for _, s := range l.cfg.PullSecrets {
		pod.ImagePullSecrets = append(pod.ImagePullSecrets, corev1.LocalObjectReference{Name: s})
	}
	pod.SecurityContext, pod.ContainerSecurityContext = restricted()
	starter := Pod{SecurityContext: pod.SecurityContext, ContainerSecurityContext: pod.ContainerSecurityContext, AutomountServiceAccountToken: "false",
		ServiceAccountName: l.cfg.ServiceAccount, NodeSelector: l.cfg.NodeSelector, Tolerations: l.cfg.Tolerations, ImagePullSecrets: pod.ImagePullSecrets}
	pod.Env = l.references(o)
	pod.Volumes, pod.VolumeMounts = l.volumes(o)
	pod.ReadinessProbe, pod.LivenessProbe = patientProbe(1), patientProbe(10)
	return &TestRun{
		ObjectMeta: l.meta(o, ""),
		Spec: TestRunSpec{
			Script:      Script{ConfigMap: &ConfigMapScript{Name: o.scriptName(), File: scriptFile}},
			Parallelism: int32(o.launch.Generators), Separate: l.cfg.Separate, Args: l.arguments(o.launch), Quiet: "true",
			Runner: pod, Starter: &starter,
			// The script was looked at before the launch; a Pod that does it again
			// takes seconds, and can fail in ways of its own.
			Initializer: &Pod{Disabled: true},
		},
	}
}

// resources are what a generator of the launch gets: what all get, with the
// memory that the launch asks for.
func (l *Launcher) resources(launch contest.Launch) corev1.ResourceRequirements {
	r := *l.cfg.Resources.DeepCopy()
	if launch.Memory <= 0 {
		return r
	}
	memory := *resource.NewQuantity(launch.Memory, resource.BinarySI)
	for _, list := range []*corev1.ResourceList{&r.Requests, &r.Limits} {
		if *list == nil {
			*list = corev1.ResourceList{}
		}
		(*list)[corev1.ResourceMemory] = memory
	}
	return r
}

// arguments are the words behind "k6 run". The operator leaves some of them out
// where it archives, and knows them only as words of their own.
func (l *Launcher) arguments(launch contest.Launch) []string {
	args := []string{
		"--out", "experimental-prometheus-rw",
		"--tag", "testid=" + string(launch.TestID),
		"--tag", "team=" + string(launch.Team),
		"--tag", "test_scenario=" + launch.Scenario,
		"--tag", "level=" + strconv.Itoa(launch.Level.Users),
	}
	for _, cidr := range l.cfg.BlacklistIPs {
		args = append(args, "--blacklist-ip", cidr)
	}
	return args
}

// variables are what a generator and its script are told, all of it secret.
func (l *Launcher) variables(o order) map[string]string {
	v := o.launch.Variables(l.cfg.PushInterval)
	if o.users != nil {
		v["USERS_FILE"] = path.Join(sampleDir, usersKey)
	}
	// One of many cannot tell for the others that a rule is lost.
	if !o.launch.Full && o.launch.Generators == 1 {
		v[contest.AbortVariable] = "true"
	}
	v["K6_PROMETHEUS_RW_TREND_AS_NATIVE_HISTOGRAM"] = "true"
	v["K6_NO_USAGE_REPORT"] = "true" // else k6 waits three seconds for a report that cannot be sent
	return v
}

// references name the launch's variables without their values.
func (l *Launcher) references(o order) (env []corev1.EnvVar) {
	for _, name := range slices.Sorted(maps.Keys(l.variables(o))) {
		env = append(env, corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: o.name}, Key: name,
		}}})
	}
	return env
}

// volumes are a place to write, which the root of the file system is not, the
// users, and what the script opens.
func (l *Launcher) volumes(o order) (volumes []corev1.Volume, mounts []corev1.VolumeMount) {
	mount := func(name, path string, readOnly bool, from corev1.VolumeSource) {
		volumes = append(volumes, corev1.Volume{Name: name, VolumeSource: from})
		mounts = append(mounts, corev1.VolumeMount{Name: name, MountPath: path, ReadOnly: readOnly})
	}
	mount("tmp", "/tmp", false, corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}})
	switch {
	case l.cfg.UsersClaim != "":
		mount("users", usersDir, true, corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: l.cfg.UsersClaim, ReadOnly: true}})
	case l.cfg.UsersSecret != "":
		mount("users", usersDir, true, corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: l.cfg.UsersSecret}})
	}
	if o.users != nil {
		mount("sample", sampleDir, true, corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			SecretName: o.name, Items: []corev1.KeyToPath{{Key: usersKey, Path: usersKey}},
		}})
	}
	if len(o.data) > 0 {
		from := corev1.SecretVolumeSource{SecretName: o.name}
		for _, f := range o.data {
			from.Items = append(from.Items, corev1.KeyToPath{Key: f.key, Path: f.path})
		}
		mount("data", dataDir, true, corev1.VolumeSource{Secret: &from})
	}
	return volumes, mounts
}

// restricted is what the strictest of Kubernetes' profiles asks for.
func restricted() (*corev1.PodSecurityContext, *corev1.SecurityContext) {
	yes, no, user := true, false, int64(runnerUser)
	return &corev1.PodSecurityContext{
			RunAsNonRoot: &yes, RunAsUser: &user, RunAsGroup: &user, FSGroup: &user,
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		}, &corev1.SecurityContext{
			AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		}
}

// patientProbe leaves a generator alone that has no time to answer: it is given
// two minutes. The operator's own probe kills it after half of one. Readiness is
// asked for each second, because the starter waits for it.
func patientProbe(period int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/v1/status", Port: intstr.FromInt32(restPort)}},
		PeriodSeconds: period, TimeoutSeconds: 10, FailureThreshold: 120 / period,
	}
}
