package script

import (
	"math"

	"github.com/grafana/sobek"

	"github.com/hackload-kz/hackload/orchestrator/loadgen/metric"
)

// exportMetrics makes the constructors of the module k6/metrics.
func (vm *VM) exportMetrics(name string) sobek.Value {
	kind, ok := map[string]metric.Kind{
		"Counter": metric.Counter, "Gauge": metric.Gauge, "Rate": metric.Rate, "Trend": metric.Trend,
	}[name]
	if !ok {
		return nil
	}
	return vm.rt.ToValue(func(c sobek.ConstructorCall) *sobek.Object {
		if !vm.init {
			vm.throw("a metric can only be made in the init context: move new %s() out of the function", name)
		}
		contains := metric.Default
		if c.Argument(1).ToBoolean() {
			contains = metric.Time
		}
		m, err := vm.config.Registry.New(c.Argument(0).String(), kind, contains)
		if err != nil {
			vm.throw("new %s: %w", name, err)
		}
		_ = c.This.Set("name", m.Name)
		_ = c.This.Set("add", func(a sobek.FunctionCall) sobek.Value { return vm.addCustom(m, a) })
		return nil
	})
}

// addCustom is a metric's add(value, tags). It returns whether the value was
// one that the metric takes.
func (vm *VM) addCustom(m *metric.Metric, c sobek.FunctionCall) sobek.Value {
	vm.needCall(m.Name + ".add")
	v := c.Argument(0)
	f := math.NaN()
	switch x := v.Export().(type) {
	case bool:
		f = number(x)
	case nil:
	default:
		f = v.ToFloat()
	}
	if math.IsNaN(f) || m.Kind == metric.Counter && f < 0 {
		text := "metric " + m.Name + " takes numbers, not " + clip(v.String(), 60)
		if vm.config.Options.Throw {
			vm.throw("%s", text)
		}
		vm.config.Log.Warn(text)
		return vm.rt.ToValue(false)
	}
	vm.add(m, vm.tagged(vm.tags, c.Argument(1)), f)
	return vm.rt.ToValue(true)
}
