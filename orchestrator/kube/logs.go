package kube

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/launch"
)

const (
	logLines = int64(50)
	logBytes = int64(64 << 10)
)

// podLogs reads the ends of Pods' logs.
type podLogs struct{ client corev1client.CoreV1Interface }

func newPodLogs(c *rest.Config, h *http.Client) (podLogs, error) {
	client, err := corev1client.NewForConfigAndClient(c, h)
	if err != nil {
		return podLogs{}, fmt.Errorf("connect to the cluster: %w", err)
	}
	return podLogs{client}, nil
}

func (p podLogs) tail(ctx context.Context, namespace, pod string) (string, error) {
	lines, bytes := logLines, logBytes
	stream, err := p.client.Pods(namespace).GetLogs(pod, &corev1.PodLogOptions{Container: "k6", TailLines: &lines, LimitBytes: &bytes}).Stream(ctx)
	if err != nil {
		return "", fmt.Errorf("read the log of %s: %w", pod, err)
	}
	defer stream.Close()
	text, err := io.ReadAll(io.LimitReader(stream, logBytes))
	if err != nil {
		return "", fmt.Errorf("read the log of %s: %w", pod, err)
	}
	return plain(string(text)), nil
}

// plain takes k6's error messages out of its log lines. Other lines stay.
func plain(log string) string {
	var out strings.Builder
	for line := range strings.Lines(log) {
		if said, ok := launch.K6Error(line); ok {
			line = strings.Join(strings.Fields(said), " ") + "\n"
		}
		out.WriteString(line)
	}
	return out.String()
}

// crossed reports whether the log says that a threshold ended the test early.
func crossed(log string) bool {
	return strings.Contains(log, "abortOnFail") || strings.Contains(log, "a threshold cannot be met any more")
}
