package k6

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/output"
)

func TestIdentify(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, said string
		want       Program
		err        string
	}{
		{"stock", "k6 v2.2.0 (commit/devel, go1.26.8, linux/amd64)\n", Program{Version: "v2.2.0"}, ""},
		{"with the extension", "k6 v2.2.0 (go1.26.8, linux/amd64)\nExtensions:\n  github.com/x/y v0.1.0, hackload [output]\n  github.com/x/y v0.1.0, k6/x/hackload [js]\n", Program{Version: "v2.2.0", Extension: true}, ""},
		{"with another extension", "k6 v2.2.0 (go1.26.8)\nExtensions:\n  example.org/hackload v1, xk6-kafka [output]\n  example.org/hackload v1, k6/x/hackload [js]\n", Program{Version: "v2.2.0"}, ""},
		{"built from a folder", "k6x v(devel) (go1.26.8, linux/amd64)\nExtensions:\n  github.com/x/y (devel), hackload [output]\n", Program{Version: "v(devel)", Extension: true}, ""},
		{"our own", "loadgen 1.2.3\n", Program{Version: "loadgen 1.2.3", Own: true}, ""},
		{"too old", "k6 v1.3.0 (go1.24)\n", Program{}, "it is v1.3.0, want v2.0.0 or newer"},
		{"something else", "curl 8.1\nRelease-Date: …", Program{}, `it says of itself "curl 8.1"`},
		{"nothing", "", Program{}, `it says of itself ""`},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got, err := identify(row.said)
			if row.err != "" {
				require.ErrorContains(t, err, row.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, row.want, got)
			require.Equal(t, row.name == "stock" || row.name == "with another extension", got.Inexact() != "")
		})
	}
}

func TestFindRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := func(name, script string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700))
		return path
	}
	for _, row := range []struct{ name, path, want string }{
		{"no such program", filepath.Join(dir, "none"), "install k6, or name the program in load.k6_program"},
		{"it fails", program("fails", "exit 3"), "for its version: exit status 3"},
		{"it talks without end", program("talks", "while :; do echo k6 v2.2.0; done"), "for its version"},
		{"it is another program", program("other", "echo hello"), `not usable as k6: it says of itself "hello"`},
	} {
		_, err := Find(t.Context(), row.path)
		require.ErrorContains(t, err, row.want, row.name)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{
		"run", "/d/search.js", "--out", "prometheus-rw", "--tag", "testid=t-1", "--tag", "team=a=b", "--instance-id", "1",
		"--progress-file", "/d/p", "--summary-export", "/d/s", "--result-file", "/d/r", "--abort-when-lost", "--quiet", "--blacklist-ip", "10.0.0.0/8",
	})
	require.NoError(t, err)
	require.Equal(t, order{
		args: []string{
			"run", "/d/search.js", "--tag", "testid=t-1", "--tag", "team=a=b", "--tag", "instance_id=1",
			"--summary-export", "/d/s", "--quiet", "--blacklist-ip", "10.0.0.0/8",
		},
		labels:   map[string]string{"testid": "t-1", "team": "a=b", "instance_id": "1"},
		series:   true,
		progress: "/d/p", summary: "/d/s", result: "/d/r",
	}, o)
	for _, bad := range [][]string{nil, {"inspect", "x.js"}, {"run", "x.js", "--result-file"}} {
		_, err := parse(bad)
		require.Error(t, err, bad)
	}
}

func TestStderrWatch(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, log string
		words     string
		aborted   bool
		lost      int
	}{
		{"nothing wrong", `time="2026-11-24T21:02:50Z" level=info msg="all is well"`, "", false, 0},
		{"an exception", `time="x" level=error msg="Error: there are no \"users\"\n\tat setup (file:///x.js:3:9(5))\n" hint="script exception"`, `Error: there are no "users"`, false, 0},
		{"one word", `time="x" level=error msg=refused code=1`, "refused", false, 0},
		{"a threshold ends the test", `time="x" level=error msg="thresholds on metrics 'good' were crossed; at least one has abortOnFail enabled, stopping test prematurely"`, "thresholds on metrics 'good' were crossed; at least one has abortOnFail enabled, stopping test prematurely", true, 0},
		{"a script that says so", `time="x" level=info msg="abortOnFail enabled, stopping test prematurely" source=console`, "", false, 0},
		{"lost flushes", strings.Repeat("time=\"x\" level=error msg=\"Failed to send the time series data to the endpoint\" error=\"EOF\"\n", 2), "", false, 2},
		{"a line without end", strings.Repeat("x", 3*longestLine) + ` level=error msg="no"` + "\n" + `time="x" level=error msg="yes"`, "yes", false, 0},
		{"our own generator", "loadgen: a threshold with abortOnFail failed", "a threshold with abortOnFail failed", true, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var w stderrWatch
			var passed bytes.Buffer
			w.copy(&passed, strings.NewReader(row.log))
			require.Equal(t, row.log, passed.String())
			require.Equal(t, stderrWatch{words: row.words, aborted: row.aborted, lost: row.lost}, w)
		})
	}
}

func FuzzStderrWatch(f *testing.F) {
	f.Add("time=\"x\" level=error msg=\"a\\\"b\"")
	f.Add(" level=error msg=")
	f.Fuzz(func(t *testing.T, log string) {
		var w stderrWatch
		var passed bytes.Buffer
		w.copy(&passed, strings.NewReader(log))
		require.Equal(t, log, passed.String())
		require.NotContains(t, w.words, "\n")
	})
}

func TestSummaryValues(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "summary.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"metrics":{
		"checks":{"passes":7,"fails":3,"value":0.7},
		"http_req_failed{scenario:steady}":{"passes":2,"fails":98,"value":0.02,"thresholds":{"rate<0.05":false}},
		"booking_success":{"passes":5,"fails":0,"value":1,"thresholds":{"rate>0.95":false,"nonsense":true}},
		"http_req_duration{scenario:steady}":{"avg":1,"p(95)":2,"thresholds":{"p(95)<2000":false}},
		"http_reqs":{"count":100,"rate":10}},"root_group":{}}`), 0o600))
	s, err := readSummary(path)
	require.NoError(t, err)
	booked := map[string]string{"threshold": "booking_success: rate>0.95"}
	failed := map[string]string{"threshold": "http_req_failed{scenario:steady}: rate<0.05"}
	steady := map[string]string{"scenario": "steady"}
	require.Equal(t, []output.Value{
		{Name: "threshold_within_total", Labels: booked, Value: 5},
		{Name: "threshold_samples_total", Labels: booked, Value: 5},
		{Name: "threshold_within_total", Labels: failed, Value: 2},
		{Name: "threshold_samples_total", Labels: failed, Value: 100},
		{Name: "http_req_failed_true_total", Labels: steady, Value: 2},
		{Name: "http_req_failed_false_total", Labels: steady, Value: 98},
	}, s.values())

	require.NoError(t, os.WriteFile(path, []byte(`{"metrics":`), 0o600))
	_, err = readSummary(path)
	require.ErrorContains(t, err, "read k6's summary: unexpected EOF")
	_, err = readSummary(path + ".none")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestHealthOfTheProcess(t *testing.T) {
	t.Parallel()
	m := &minder{watch: stderrWatch{lost: 3}}
	end := ended{lasted: 10 * time.Second, usage: &syscall.Rusage{Utime: syscall.Timeval{Sec: 4}, Stime: syscall.Timeval{Sec: 1}, Maxrss: 2048}}
	got := map[string]float64{}
	for _, v := range m.health(end) {
		got[v.Name] = v.Value
	}
	require.InDelta(t, 3, got["generator_dropped_writes_total"], 0)
	require.InDelta(t, 2<<20, got["generator_heap_bytes"], 0)
	require.InDelta(t, 0.5, got["generator_cpu_ratio"]*output.Cores(), 1e-9)
	require.Len(t, m.health(ended{}), 1, "a process that nobody knows of")
}
