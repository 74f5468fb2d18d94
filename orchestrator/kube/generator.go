package kube

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/hackload-kz/hackload/orchestrator/contest"
)

// generator is what is known of one runner of a launch, from its Pod.
type generator struct {
	no       int // from 1
	pod      string
	node     string
	address  string // of its REST API's host; empty before it has one
	created  time.Time
	started  time.Time        // zero before
	ended    time.Time        // zero before, and when nobody saw the end
	over     bool             // it will do nothing more
	code     int              // when over; -1: it did not end by itself
	killed   bool             // by SIGKILL
	leaving  bool             // somebody deletes it
	trouble  string           // what was done to it: "was OOM-killed"; empty: nothing
	short    contest.Shortage // what it had too little of, as far as its trouble tells
	hindered string           // why it has not begun: "its image cannot be pulled: …"
}

// runnerNo tells which runner a Pod is: the operator numbers their Jobs.
func runnerNo(p *corev1.Pod) int {
	job := p.Labels["job-name"]
	if job == "" {
		job = p.Labels["batch.kubernetes.io/job-name"]
	}
	no, err := strconv.Atoi(job[strings.LastIndex(job, "-")+1:])
	if err != nil {
		return 0
	}
	return no
}

// readPod reads a runner's Pod. gone means that it exists no more, and p is the
// last that was seen of it.
func readPod(p *corev1.Pod, gone bool) generator {
	g := generator{
		no: runnerNo(p), pod: p.Name, node: p.Spec.NodeName, address: p.Status.PodIP, created: p.CreationTimestamp.Time,
		leaving: gone || p.DeletionTimestamp != nil,
	}
	for _, c := range p.Status.ContainerStatuses {
		if c.Name == "k6" || len(p.Status.ContainerStatuses) == 1 {
			g.readContainer(p, c)
		}
	}
	g.readConditions(p)
	if p.Status.Reason == "Evicted" {
		g.trouble = "was evicted" + because(p.Status.Message)
		if strings.Contains(p.Status.Message, "memory") { // else the node's disk was full, or its process table
			g.short = contest.ShortOfMemory
		}
	}
	if gone || p.Status.Phase == corev1.PodFailed && !g.over {
		g.over = true
		if g.ended.IsZero() {
			g.code = -1
		}
	}
	if g.over && g.code < 0 && g.trouble == "" && !g.killed {
		g.trouble = "was deleted" + because(p.Status.Message)
	}
	return g
}

func (g *generator) readContainer(p *corev1.Pod, c corev1.ContainerStatus) {
	switch s := c.State; {
	case s.Running != nil:
		g.started = s.Running.StartedAt.Time
	case s.Terminated != nil:
		t := s.Terminated
		g.started, g.ended, g.over, g.code = t.StartedAt.Time, t.FinishedAt.Time, true, int(t.ExitCode)
		switch {
		case t.Reason == "ContainerStatusUnknown":
			g.code, g.trouble = -1, "was lost with its node"
		case t.Reason == "OOMKilled":
			g.code, g.trouble, g.short = -1, "was OOM-killed", contest.ShortOfMemory
		case t.ExitCode == 137:
			g.code, g.killed = -1, true
		case t.ExitCode > 128 && t.ExitCode < 160:
			g.code, g.trouble = -1, fmt.Sprintf("was ended by signal %d", t.ExitCode-128)
		}
	case s.Waiting != nil && c.RestartCount == 0:
		g.hindered = waiting(s.Waiting, p)
	}
	if c.RestartCount > 0 && g.trouble == "" {
		g.trouble = "was started again: it counts from nothing"
	}
}

// waiting says why a container does not start, or nothing where it is about to.
func waiting(w *corev1.ContainerStateWaiting, p *corev1.Pod) string {
	switch w.Reason {
	case "", "ContainerCreating", "PodInitializing":
		return ""
	case "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull":
		image := ""
		if len(p.Spec.Containers) > 0 {
			image = " " + p.Spec.Containers[0].Image
		}
		return fmt.Sprintf("its image%s cannot be pulled (%s)%s", image, w.Reason, because(w.Message))
	}
	return fmt.Sprintf("it cannot be started (%s)%s", w.Reason, because(w.Message))
}

func (g *generator) readConditions(p *corev1.Pod) {
	for _, c := range p.Status.Conditions {
		switch {
		case c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse:
			g.hindered = fmt.Sprintf("no node takes it (%s)%s", c.Reason, because(c.Message))
		case c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue:
			g.trouble = fmt.Sprintf("was taken away (%s)%s", c.Reason, because(c.Message))
		}
	}
}

// lasted is how long it ran, until now where nobody saw it end.
func (g *generator) lasted(now time.Time) time.Duration {
	switch {
	case g.started.IsZero():
		return 0
	case g.ended.IsZero():
		return max(0, now.Sub(g.started))
	}
	return max(0, g.ended.Sub(g.started))
}

const maxReason = 300 // bytes of somebody else's message

// because appends somebody else's message, in one line.
func because(message string) string {
	message = strings.Join(strings.Fields(message), " ")
	if message == "" {
		return ""
	}
	if len(message) > maxReason {
		message = strings.ToValidUTF8(message[:maxReason], "") + "…"
	}
	return ": " + message
}
