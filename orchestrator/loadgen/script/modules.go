package script

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/grafana/sobek"
)

// modules lists what each module of k6 exports by name.
func modules() map[string][]string {
	return map[string][]string{
		"k6":                  {"check", "fail", "group", "randomSeed", "sleep"},
		"k6/crypto":           cryptoExports(),
		"k6/data":             {"SharedArray"},
		"k6/encoding":         {"b64decode", "b64encode"},
		"k6/execution":        {"instance", "scenario", "test", "vu"},
		"k6/html":             {"parseHTML"},
		"k6/http":             httpExports(),
		"k6/metrics":          {"Counter", "Gauge", "Rate", "Trend"},
		"k6/timers":           {"clearInterval", "clearTimeout", "setInterval", "setTimeout"},
		"k6/ws":               {"connect"},
		"k6/websockets":       {"Blob", "WebSocket"},
		"k6/experimental/csv": {"Parser", "parse"},
		"k6/experimental/fs":  {"SeekMode", "open"},
		"k6/x/hackload":       {"report", "target", "team", "users"},
		// The name that it had before it was finished.
		"k6/experimental/websockets": {"Blob", "WebSocket"},
	}
}

// makeExport makes one export of a module for this VM, or returns nil.
func (vm *VM) makeExport(module, name string) sobek.Value {
	switch module {
	case "k6":
		return vm.exportK6(name)
	case "k6/crypto":
		return vm.exportCrypto(name)
	case "k6/data":
		return vm.exportData(name)
	case "k6/encoding":
		return vm.exportEncoding(name)
	case "k6/execution":
		return vm.exportExecution(name)
	case "k6/html":
		return vm.exportHTML(name)
	case "k6/http":
		return vm.exportHTTP(name)
	case "k6/metrics":
		return vm.exportMetrics(name)
	case "k6/experimental/csv":
		return vm.exportCSV(name)
	case "k6/experimental/fs":
		return vm.exportFS(name)
	case "k6/ws":
		return vm.exportWS(name)
	case "k6/websockets", "k6/experimental/websockets":
		return vm.exportWebSockets(name)
	case "k6/x/hackload":
		return vm.exportHackload(name)
	case "k6/timers":
		return vm.rt.ToValue(vm.timerFunction(name))
	}
	return nil
}

func httpExports() []string {
	return append([]string{
		"CookieJar", "asyncRequest", "batch", "cookieJar", "del", "expectedStatuses", "file", "get", "head", "options", "patch",
		"post", "put", "request", "setResponseCallback", "url",
	}, slices.Sorted(maps.Keys(httpConstants()))...)
}

// unsupported says why a module cannot be imported.
func unsupported(name string) error {
	var why string
	switch {
	case strings.HasPrefix(name, "k6/browser"), strings.HasPrefix(name, "k6/experimental/browser"):
		why = "this generator drives no browser; take the browser's part out of the script or run it with k6"
	case strings.HasPrefix(name, "k6/net/grpc"), name == "k6/experimental/grpc":
		why = "this generator speaks HTTP and WebSocket, not gRPC; run the script with k6"
	case strings.HasPrefix(name, "k6/cloud"):
		why = "there is no cloud behind this generator"
	case strings.HasPrefix(name, "k6/x/"):
		why = "it is an extension, which this generator cannot load; run the script with a k6 that has it"
	case name == "k6/secrets":
		why = "this generator knows no source of secrets; pass them in the environment and read them from __ENV"
	case name == "k6/experimental/streams":
		why = "this generator has no streams; read files with k6/experimental/fs, or line by line with k6/experimental/csv"
	case name == "k6/crypto/x509":
		why = "this generator reads no certificates; work out what you need of them beforehand and pass it in __ENV"
	case name == "k6/experimental/tracing":
		why = "k6 has removed it too; set the headers traceparent or tracestate of requests yourself"
	case name == "k6/experimental/redis":
		why = "this generator speaks HTTP and WebSocket, not Redis"
	case name == "k6/experimental/webcrypto", name == "k6/experimental/timers":
		why = "what it held is there without an import; remove the import"
	default:
		why = "there are " + strings.Join(slices.Sorted(maps.Keys(modules())), ", ")
	}
	return errors.New("module \"" + name + "\" is not supported: " + why)
}

// moduleSource is the JavaScript of a virtual module. Every export is a pure
// call, so the bundler drops those that nobody uses.
func moduleSource(name string) string {
	var b strings.Builder
	for _, e := range modules()[name] {
		fmt.Fprintf(&b, "export const %s = /* @__PURE__ */ __k6(%q, %q);\n", e, name, e)
	}
	fmt.Fprintf(&b, "export default /* @__PURE__ */ __k6(%q);\n", name)
	return b.String()
}
