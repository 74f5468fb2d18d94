package launch

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/output"
)

//go:embed calibrate.js
var calibrateScript []byte

const (
	calibrateFor   = 1500 * time.Millisecond
	calibrateGrace = 15 * time.Second
	echoBytes      = 500 // of an answer, as a page of events has
)

// Calibrate measures what one generator reaches on this machine against a
// target on loopback that only echoes. It takes about two seconds of all cores,
// so nothing else should be measured meanwhile.
func (l *Launcher) Calibrate(ctx context.Context) (contest.Calibration, error) {
	c, err := l.calibrate(ctx)
	if err != nil {
		return contest.Calibration{}, fmt.Errorf("calibrate the load generator: %w", err)
	}
	return c, nil
}

func (l *Launcher) calibrate(ctx context.Context) (c contest.Calibration, err error) {
	ctx, cancel := context.WithTimeout(ctx, calibrateFor+calibrateGrace)
	defer cancel()
	if err := os.MkdirAll(l.cfg.Dir, 0o700); err != nil {
		return c, err
	}
	dir, err := os.MkdirTemp(l.cfg.Dir, inspectPrefix+"*")
	if err != nil {
		return c, err
	}
	defer os.RemoveAll(dir)
	script, summary := filepath.Join(dir, "calibrate.js"), filepath.Join(dir, summaryFile)
	if err := os.WriteFile(script, calibrateScript, 0o600); err != nil {
		return c, err
	}
	url, stop, err := echo()
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	_, err = l.runShort(ctx, dir, []string{"run", script, "--quiet", "--summary-export", summary},
		map[string]string{"API_URL": url, "DURATION": calibrateFor.String()})
	if err != nil {
		return c, err
	}
	return readCalibration(summary)
}

// echo serves the same small answer to everyone until stop is called.
func echo() (url string, stop func() error, err error) {
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	answer := bytes.Repeat([]byte("."), echoBytes)
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(answer) // whoever went away needs no answer
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(at) }()
	return "http://" + at.Addr().String() + "/", func() error {
		err := server.Close()
		<-served
		return err
	}, nil
}

// CPUs is how many processors a generator on this machine may use.
func CPUs() int { return int(math.Ceil(output.Cores())) }

// readCalibration reads the figures from an exported summary.
func readCalibration(path string) (contest.Calibration, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return contest.Calibration{}, err
	}
	var s struct {
		Metrics struct {
			Requests struct {
				Rate float64 `json:"rate"`
			} `json:"http_reqs"`
			Duration struct {
				Min float64 `json:"min"`
				P95 float64 `json:"p(95)"`
			} `json:"http_req_duration"`
			Failed struct {
				Value float64 `json:"value"`
			} `json:"http_req_failed"`
		} `json:"metrics"`
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return contest.Calibration{}, fmt.Errorf("read summary: %w", err)
	}
	if s.Metrics.Requests.Rate <= 0 || s.Metrics.Failed.Value > 0 {
		return contest.Calibration{}, errors.New("the echo target was not reached")
	}
	return contest.Calibration{
		At: time.Now(), CPUs: CPUs(),
		RPS: s.Metrics.Requests.Rate, P95: s.Metrics.Duration.P95, Floor: s.Metrics.Duration.Min,
	}, nil
}
