package main

import (
	"context"
	"fmt"

	"github.com/hackload-kz/hackload/orchestrator/config"
	"github.com/hackload-kz/hackload/orchestrator/contest"
	"github.com/hackload-kz/hackload/orchestrator/kube"
)

// capacity is what one runner can do as configured, and how far another attempt
// may go.
func capacity(c *config.Config) (kube.Capacity, error) {
	k := c.Kubernetes
	all := kube.Capacity{VUs: k.VUsPerRunner, Rate: k.RatePerRunner, Least: c.Load.Generators, Most: k.MaxRunners, Within: k.LearnWithin}
	if all.Least > all.Most {
		return all, fmt.Errorf("kubernetes.max_runners: %d is less than the %d runners that every run has (load.generators): raise it, or lower that", all.Most, all.Least)
	}
	each, err := kube.Resources(k.CPU, k.Memory)
	if err != nil {
		return all, fmt.Errorf("kubernetes.runner_cpu, kubernetes.runner_memory: %w", err)
	}
	if all.MostMemory, err = kube.MostMemory(each, k.MaxMemory); err != nil {
		return all, fmt.Errorf("kubernetes.max_runner_memory: %w", err)
	}
	all.CPU, all.Memory = each.Requests.Cpu().MilliValue(), each.Limits.Memory().Value()
	return all, nil
}

// shape returns what chooses the runners of a run; nil where this machine loads.
func (w *works) shape() (func(context.Context, contest.Run, contest.Script) (contest.Shape, error), error) {
	if w.cluster == nil {
		return nil, nil
	}
	each, err := capacity(w.config)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, r contest.Run, s contest.Script) (contest.Shape, error) {
		past, err := w.store.Carried(ctx, r.Criterion, r.Scenario, r.Round, learnFrom)
		return each.Shape(s, r.Level, past), err
	}, nil
}

// learnFrom is how many runs back a runner's capacity is learned from.
const learnFrom = 300
