package metricstore

import "github.com/prometheus/client_golang/prometheus"

// borrowed is a registry that can be given back as it was. The TSDB registers
// its metrics before it knows whether it can open, and never takes them back,
// so a second try would find its own names taken and panic.
type borrowed struct {
	prometheus.Registerer
	collectors []prometheus.Collector
}

// borrow wraps registry; nil, as the TSDB takes it, stays nil.
func borrow(registry prometheus.Registerer) (*borrowed, prometheus.Registerer) {
	if registry == nil {
		return &borrowed{}, nil
	}
	b := &borrowed{Registerer: registry}
	return b, b
}

// Register remembers what it registers.
func (b *borrowed) Register(c prometheus.Collector) error {
	err := b.Registerer.Register(c)
	if err == nil {
		b.collectors = append(b.collectors, c)
	}
	return err
}

// MustRegister remembers what it registers.
func (b *borrowed) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		b.Registerer.MustRegister(c)
		b.collectors = append(b.collectors, c)
	}
}

// giveBack unregisters everything.
func (b *borrowed) giveBack() {
	for _, c := range b.collectors {
		b.Unregister(c)
	}
	b.collectors = nil
}
