package standin

import (
	"fmt"
	"net"
	"path"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	container = "k6"
	restPort  = 6565
	scripts   = "/test"
)

func (run *testRun) runnerName(i int) string { return run.Name + "-" + strconv.Itoa(i) }

func (run *testRun) script() string {
	if run.Spec.Script.LocalFile != "" {
		return run.Spec.Script.LocalFile
	}
	file := run.Spec.Script.ConfigMap.File
	if file == "" {
		file = "test.js"
	}
	return path.Join(scripts, file)
}

// initializer looks at the script before anything is run. It takes after the
// runner where the TestRun says nothing of it.
func (run *testRun) initializer() *batchv1.Job {
	p := run.Spec.Runner
	if run.Spec.Initializer != nil {
		p = *run.Spec.Initializer
	}
	archive := "/tmp/" + path.Base(run.script()) + ".archived.tar"
	var env []string
	for _, e := range p.Env {
		env = append(env, fmt.Sprintf(`-e %s="${%s}"`, e.Name, e.Name))
	}
	text := fmt.Sprintf("command -v k6 >/dev/null || exit 127\n"+
		"k6 archive %s %s -O %s %s 2>/tmp/k6logs && k6 inspect --execution-requirements %s 2>>/tmp/k6logs >/tmp/needs; code=$?\n"+
		"if [ $code -ne 0 ] || grep -q 'level.*error' /tmp/k6logs; then cat /tmp/k6logs; exit 1; fi\ncat /tmp/needs",
		quoted([]string{run.script()}), strings.Join(env, " "), quoted([]string{archive}), quoted(forArchive(run.arguments())), quoted([]string{archive}))
	return run.job(run.Name+"-initializer", p, false, corev1.Container{Name: container, Command: []string{"sh", "-c", text}})
}

func (run *testRun) runner(i int, also []string) *batchv1.Job {
	command := []string{"k6", "run"}
	if run.Spec.Quiet != "false" {
		command = append(command, "--quiet")
	}
	command = append(command, segments(i, int(run.Spec.Parallelism))...)
	command = append(append(command, run.arguments()...), also...)
	command = append(command, run.script(), fmt.Sprintf("--address=0.0.0.0:%d", restPort))
	if run.Spec.Paused != "false" {
		command = append(command, "--paused")
	}
	command = append(command, "--tag", fmt.Sprintf("instance_id=%d", i), "--tag", "testrun_name="+run.Name)
	p := run.Spec.Runner
	ports := append([]corev1.ContainerPort{{ContainerPort: restPort}}, run.Spec.Ports...)
	j := run.job(run.runnerName(i), p, true, corev1.Container{
		Name: container, Command: command, Ports: ports, LivenessProbe: probe(p.LivenessProbe), ReadinessProbe: probe(p.ReadinessProbe),
	})
	j.Spec.Template.Spec.Hostname = j.Name
	if run.Spec.Separate {
		j.Spec.Template.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
				LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "k6", "runner": "true"}},
				TopologyKey:   corev1.LabelHostname,
			}},
		}}
	}
	return j
}

// probe is the TestRun's or, with Kubernetes' own times, a look at k6's status.
func probe(given *corev1.Probe) *corev1.Probe {
	if given != nil {
		return given
	}
	return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/v1/status", Port: intstr.FromInt32(restPort)}}}
}

// starter tells one runner after the other to begin, and does not mind those that
// do not listen. The operator's image has curl for it, a shell with busybox does.
func (run *testRun) starter(image string, addresses []string) *batchv1.Job {
	const body = `{"data":{"attributes":{"paused":false,"stopped":false},"id":"default","type":"status"}}`
	var lines []string
	for _, a := range addresses {
		host, port, _ := net.SplitHostPort(a) // as it was joined
		request := fmt.Sprintf(`PATCH /v1/status HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n`, a, len(body))
		lines = append(lines, fmt.Sprintf("printf '%s%%s' '%s' | busybox nc -w 3 %s %s", request, body, host, port))
	}
	p := run.Spec.Starter
	if p.Image == "" {
		p.Image = image
	}
	p.Env, p.EnvFrom, p.Volumes, p.VolumeMounts, p.InitContainers = nil, nil, nil, nil, nil
	return run.job(run.Name+"-starter", p, false, corev1.Container{Name: "k6-curl", Command: []string{"sh", "-c", strings.Join(lines, "; ")}})
}

func (run *testRun) service(i int) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("%s-service-%d", run.Name, i), Namespace: run.Namespace,
			Labels: run.labels(run.Spec.Runner.Metadata.Labels, true), OwnerReferences: run.owner(),
		},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"job-name": run.runnerName(i)},
			Ports:    []corev1.ServicePort{{Name: "http-api", Port: restPort}},
		},
	}
}

// job puts a container into a Job that is tried once.
func (run *testRun) job(name string, p pod, runner bool, c corev1.Container) *batchv1.Job {
	none := int32(0)
	labels := run.labels(p.Metadata.Labels, runner)
	c.Image, c.ImagePullPolicy, c.Resources = p.Image, p.ImagePullPolicy, p.Resources
	c.Env, c.EnvFrom, c.SecurityContext = p.Env, p.EnvFrom, &p.ContainerSecurityContext
	volumes := p.Volumes
	c.VolumeMounts = p.VolumeMounts
	if config := run.Spec.Script.ConfigMap.Name; config != "" && c.Name == container {
		volumes = append([]corev1.Volume{{Name: "k6-test-volume", VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: config}},
		}}}, volumes...)
		c.VolumeMounts = append([]corev1.VolumeMount{{Name: "k6-test-volume", MountPath: scripts, ReadOnly: true}}, c.VolumeMounts...)
	}
	meta := metav1.ObjectMeta{Name: name, Namespace: run.Namespace, Labels: labels, Annotations: p.Metadata.Annotations}
	of := meta
	of.Name, of.Namespace = "", ""
	meta.OwnerReferences = run.owner()
	return &batchv1.Job{ObjectMeta: meta, Spec: batchv1.JobSpec{BackoffLimit: &none, Template: corev1.PodTemplateSpec{
		ObjectMeta: of,
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{c}, Volumes: volumes,
			InitContainers: initContainers(p.InitContainers), Affinity: p.Affinity, NodeSelector: p.NodeSelector,
			Tolerations: p.Tolerations, TopologySpreadConstraints: p.TopologySpread, SecurityContext: &p.SecurityContext,
			ServiceAccountName: p.ServiceAccountName, AutomountServiceAccountToken: truth(p.AutomountServiceAccountToken),
			ImagePullSecrets: p.ImagePullSecrets, PriorityClassName: p.PriorityClassName, SchedulerName: p.SchedulerName,
		},
	}}}
}

// truth is a pointer to what a word says, nil for no word.
func truth(word string) *bool {
	if word == "" {
		return nil
	}
	yes := word == "true"
	return &yes
}

func initContainers(given []initContainer) (all []corev1.Container) {
	for i, g := range given {
		name := g.Name
		if name == "" {
			name = fmt.Sprintf("k6-init-%d", i)
		}
		all = append(all, corev1.Container{
			Name: name, Image: g.Image, Env: g.Env, EnvFrom: g.EnvFrom, Command: g.Command, Args: g.Args,
			WorkingDir: g.WorkingDir, VolumeMounts: g.VolumeMounts, Resources: g.Resources, RestartPolicy: g.RestartPolicy,
		})
	}
	return all
}
