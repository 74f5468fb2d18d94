package script_test

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
	"github.com/hackload-kz/hackload/orchestrator/loadgen/script"
)

const getAndCheck = `import http from 'k6/http'; import { check } from 'k6';
export default function () { const r = http.get(__ENV.URL); check(r, {'status 200': (r) => r.status === 200}) }`

func benchProgram(b *testing.B, text string) *script.Program {
	b.Helper()
	path := filepath.Join(b.TempDir(), "main.js")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	p, err := script.Compile(script.Source{Path: path})
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// BenchmarkGetAndCheck is one iteration of GET and check against a server of
// bytes in this process, so that nearly all of the time is the generator's.
func BenchmarkGetAndCheck(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	body := strings.Repeat("x", 500)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	c := config(io.Discard)
	c.Env = map[string]string{"URL": "http://" + l.Addr().String() + "/"}
	agg := metric.NewAggregator(c.Registry, nil, runtime.GOMAXPROCS(0))
	p := benchProgram(b, getAndCheck)
	task := &script.Task{Scenario: "s", Exec: "default", Tags: c.Tags.With("scenario", "s"), Started: time.Now()}
	var id atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		n := id.Add(1)
		vm, err := p.New(b.Context(), c, agg.Shard(int(n)), n)
		if err != nil {
			b.Error(err)
			return
		}
		defer vm.Close()
		for pb.Next() {
			if r := vm.Iterate(b.Context(), task, script.Iteration{}); r.Err != nil {
				b.Error(r.Err)
				return
			}
		}
	})
}

// BenchmarkNewVM is what one more virtual user costs.
func BenchmarkNewVM(b *testing.B) {
	c := config(io.Discard)
	p := benchProgram(b, getAndCheck)
	var kept []*script.VM
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.ReportAllocs()
	for b.Loop() {
		vm, err := p.New(b.Context(), c, nil, 1)
		if err != nil {
			b.Fatal(err)
		}
		kept = append(kept, vm)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(kept)), "kept-B/VM")
	runtime.KeepAlive(kept)
}
