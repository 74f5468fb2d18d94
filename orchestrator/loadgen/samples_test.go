package loadgen_test

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const samplesScript = `import { check, group } from 'k6'; import { Trend, Rate } from 'k6/metrics';
	const t = new Trend('my_time', true), r = new Rate('my_rate');
	export const options = { vus: 4, iterations: 100, tags: {run: 'a b'}, thresholds: { my_rate: ['rate>0.1'], 'checks{a:b}': ['rate>0.5'] } };
	export default function () { group('g1', () => { check(1, {'is, "one"': true}, {a: 'b'}); t.add(12.5, {x: 'y'}); r.add(true) }) }`

// Every sample is there once: the file counts what the summary counts.
func TestSamplesAsJSON(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{"plain": "o.json", "compressed": "o.json.gz"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, samplesScript)
			require.Equal(t, 0, r.command(t.Context(), "run", "test.js", "-q", "--out", "json="+file), r.log.String())
			f, err := os.Open(filepath.Join(r.dir, file))
			require.NoError(t, err)
			defer f.Close()
			lines := bufio.NewScanner(f)
			if name == "compressed" {
				z, err := gzip.NewReader(f)
				require.NoError(t, err)
				lines = bufio.NewScanner(z)
			}
			points, declared := map[string]int{}, map[string]bool{}
			for lines.Scan() {
				var l struct {
					Type, Metric string
					Data         struct {
						Value      float64
						Tags       map[string]string
						Contains   string
						Thresholds []string
						Submetrics []struct{ Name string }
					}
				}
				require.NoError(t, json.Unmarshal(lines.Bytes(), &l), lines.Text())
				if l.Type == "Metric" {
					assert.False(t, declared[l.Metric], "%s is declared twice", l.Metric)
					declared[l.Metric] = true
					switch l.Metric {
					case "my_rate":
						assert.Equal(t, []string{"rate>0.1"}, l.Data.Thresholds)
					case "checks":
						require.Len(t, l.Data.Submetrics, 1)
						assert.Equal(t, "checks{a:b}", l.Data.Submetrics[0].Name)
					case "my_time":
						assert.Equal(t, "time", l.Data.Contains)
					}
					continue
				}
				assert.True(t, declared[l.Metric], "%s has a sample before it is declared", l.Metric)
				points[l.Metric]++
				if l.Metric == "my_time" {
					assert.InDelta(t, 12.5, l.Data.Value, 0)
					assert.Equal(t, map[string]string{"group": "::g1", "run": "a b", "scenario": "default", "x": "y"}, l.Data.Tags)
				}
			}
			for _, metric := range []string{"checks", "my_time", "my_rate", "group_duration", "iterations", "iteration_duration"} {
				assert.Equal(t, 100, points[metric], metric)
			}
		})
	}
}

func TestSamplesAsCSV(t *testing.T) {
	t.Parallel()
	r := newRun(t, samplesScript)
	r.env = []string{"K6_CSV_TIME_FORMAT=rfc3339"}
	require.Equal(t, 0, r.command(t.Context(), "run", "test.js", "-q", "-o", "csv"), r.log.String())
	f, err := os.Open(filepath.Join(r.dir, "file.csv"))
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	// The columns as k6 2.2.0 writes them.
	assert.Equal(t, []string{"metric_name", "timestamp", "metric_value", "check", "error", "error_code", "expected_response", "group", "method",
		"name", "proto", "scenario", "service", "status", "subproto", "tls_version", "url", "extra_tags", "metadata"}, rows[0])
	points := map[string]int{}
	for _, row := range rows[1:] {
		points[row[0]]++
		assert.Regexp(t, `^\d{4}-\d\d-\d\dT`, row[1])
		if row[0] == "checks" {
			assert.Equal(t, []string{"1.000000", `is, "one"`}, row[2:4])
			assert.Equal(t, "a=b&run=a b", row[17])
		}
	}
	assert.Equal(t, 100, points["checks"])
	assert.Equal(t, 100, points["iteration_duration"])
}

func TestFilesOfSamplesThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		out, env, says string
	}{
		"no such folder": {"json=none/o.json", "", "create file of samples"},
		"no such format": {"csv=o.csv", "K6_CSV_TIME_FORMAT=stardate", "stardate"},
		"no such output": {"kafka=x", "", "--out kafka"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(t, samplesScript)
			r.env = []string{c.env}
			assert.Equal(t, 104, r.command(t.Context(), "run", "test.js", "-q", "--out", c.out))
			assert.Contains(t, r.log.String(), c.says)
		})
	}
	t.Run("the disk is full", func(t *testing.T) {
		t.Parallel()
		r := newRun(t, samplesScript)
		assert.Equal(t, 0, r.command(t.Context(), "run", "test.js", "-q", "--out", "json=/dev/full"))
		assert.Contains(t, r.log.String(), "no space left", "a loss is told")
	})
}
