//go:build postgres || chaos

package promtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"time"
)

// Build compiles Prometheus into the folder dir and returns its path. The first
// time on a machine that takes some minutes, later seconds.
func Build(dir string) (program string, err error) {
	_, here, _, _ := runtime.Caller(0)
	program, folder := filepath.Join(dir, "prometheus"), filepath.Join(filepath.Dir(here), "program")
	names, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		return "", err
	}
	// The module of Prometheus 3.16.0 is v0.316.0, and only its makefile tells the
	// program so.
	v := regexp.MustCompile(`github.com/prometheus/prometheus v0\.(\d)0*(\d+)\.(\d+)\s`).FindSubmatch(names)
	if v == nil {
		return "", fmt.Errorf("%s/go.mod names no version of prometheus", folder)
	}
	flags := fmt.Sprintf("-X github.com/prometheus/common/version.Version=%s.%s.%s", v[1], v[2], v[3])
	// No test discovers targets in a cloud, and nobody looks at its pages.
	cmd := exec.Command("go", "build", "-tags", "remove_all_sd", "-ldflags", flags, "-o", program, "github.com/prometheus/prometheus/cmd/prometheus")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build prometheus: %w\n%s", err, out)
	}
	return program, nil
}

// Server is a real Prometheus. Stop it at the end.
type Server struct {
	dir  string
	addr string // host:port
	cmd  *exec.Cmd
}

// startTimeout is how long a server may take until it answers.
const startTimeout = 2 * time.Minute

// Start returns a server that answers, made of the program that Build compiled.
func Start(program string) (*Server, error) {
	dir, err := os.MkdirTemp("", "promtest")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir}
	if err := s.start(program); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) start(program string) error {
	config, output := filepath.Join(s.dir, "prometheus.yml"), filepath.Join(s.dir, "output")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		return err
	}
	log, err := os.Create(output)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(s.dir, "data"),
		"--web.listen-address=127.0.0.1:0", "--web.enable-remote-write-receiver")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start prometheus: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for !s.answers(ctx, output) {
		select {
		case <-ctx.Done():
			said, _ := os.ReadFile(output)
			return fmt.Errorf("prometheus did not answer within %v:\n%s", startTimeout, said)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// answers reports whether the server says that it is ready, once its log has
// told where it listens.
func (s *Server) answers(ctx context.Context, output string) bool {
	said, _ := os.ReadFile(output)
	found := regexp.MustCompile(`msg="Listening on".* address=(\S+)`).FindSubmatch(said)
	if found == nil {
		return false
	}
	s.addr = string(found[1])
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/-/ready", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// URL is where it is asked, and told by remote write.
func (s *Server) URL() string { return "http://" + s.addr }

// Addr is its host and port.
func (s *Server) Addr() string { return s.addr }

// Stop ends the server and removes all that it kept.
func (s *Server) Stop() error {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
	return os.RemoveAll(s.dir)
}
