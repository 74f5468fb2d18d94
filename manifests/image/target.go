package main

import (
	"fmt"
	"path"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// target is one kind of image: its files, layer by layer, which of this
// machine's programs are among them, how it starts, and how large it may be.
type target struct {
	layers   [][]entry
	programs []string
	config   v1.Config
	most     size
}

// sources are the files of this machine that images are made of.
type sources struct{ program, certificates, shell string }

func sourcesOf(program string) sources {
	return sources{program: program, certificates: "/etc/ssl/certs/ca-certificates.crt", shell: "/bin/busybox"}
}

// published is how large an image that people pull may be. The aim is 80 MB and
// 30 MB; the client of Kubernetes, which knows every resource that there is, took
// the orchestrator's past that.
func published() size { return size{unpacked: 95e6, compressed: 33e6} }

func targetNamed(name string, s sources) (target, error) {
	switch name {
	case "orchestrator":
		return orchestrator(s), nil
	case "runner":
		return runner(s), nil
	case "program":
		return program(s), nil
	default:
		return target{}, fmt.Errorf("there is no image %q; %s", name, usage)
	}
}

func environment(more ...string) []string {
	return append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, more...)
}

// base is the layer that orchestrator and runner begin with: the program, called
// name, and what it needs.
func base(s sources, name string) []entry {
	return []entry{
		file{to: "/etc/ssl/certs/ca-certificates.crt", from: s.certificates, needs: "ca-certificates", mode: 0o644},
		file{to: "/usr/bin/" + name, from: s.program, needs: "make image builds it", mode: 0o755},
		folder{path: "/tmp", mode: 0o1777},
	}
}

func orchestrator(s sources) target {
	const user, state = 1001, "/var/lib/hackload"
	programs := []string{s.program}
	return target{
		layers: [][]entry{base(s, "hackload"), {
			folder{path: state, mode: 0o755, user: user},
			bill{"/usr/share/sbom/hackload.cdx.json", programs},
		}},
		programs: programs,
		config: v1.Config{
			User: "1001:1001", Env: environment("HACKLOAD_STATE_DIR=" + state), WorkingDir: "/",
			Entrypoint: []string{"/usr/bin/hackload"}, Cmd: []string{"serve"},
			Volumes:      map[string]struct{}{state: {}},
			ExposedPorts: map[string]struct{}{"8080/tcp": {}, "9090/tcp": {}},
			Healthcheck: &v1.HealthConfig{
				Test:     []string{"CMD", "/usr/bin/hackload", "check", "--health"},
				Interval: 30 * time.Second, Timeout: 10 * time.Second, StartPeriod: 120 * time.Second, Retries: 3,
			},
		},
		most: published(),
	}
}

// runner is for the pods of a TestRun, which call `k6 run …` and want a shell
// to look at a script first. Its program is the load generator alone. The user is that of k6's own image.
func runner(s sources) target {
	const user = 12345
	programs := []string{s.program, s.shell}
	shell := []entry{
		file{to: "/bin/busybox", from: s.shell, needs: "busybox-static", mode: 0o755},
		folder{path: "/home/k6", mode: 0o755, user: user},
	}
	for _, tool := range tools() {
		shell = append(shell, link{path: "/bin/" + tool, to: "busybox"})
	}
	shell = append(shell, bill{"/usr/share/sbom/k6.cdx.json", programs})
	return target{
		layers:   [][]entry{base(s, "k6"), shell},
		programs: programs,
		config: v1.Config{
			User: "12345:12345", Env: environment(), WorkingDir: "/home/k6", Entrypoint: []string{"k6"},
			ExposedPorts: map[string]struct{}{"6565/tcp": {}},
		},
		most: published(),
	}
}

// tools are what the scripts of k6-operator and its users' scripts call.
func tools() []string {
	return []string{"sh", "cat", "cp", "cut", "env", "false", "grep", "head", "ls", "mkdir", "mv", "rm", "sed", "sleep", "tail", "tar", "test", "[", "true", "wget"}
}

// program is one static program and nothing else.
func program(s sources) target {
	to := path.Join("/usr/bin", path.Base(s.program))
	return target{
		programs: []string{s.program},
		layers:   [][]entry{{file{to: to, from: s.program, mode: 0o755}, folder{path: "/tmp", mode: 0o1777}}},
		config:   v1.Config{Env: environment(), WorkingDir: "/", Entrypoint: []string{to}},
	}
}
