package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
)

// noAnswer is the status of a call that got none.
const noAnswer = -1

// Ready tells what is missing to work, and which neighbours do not answer
// without whom work goes on: their part of it waits.
func (p pulse) Ready(ctx context.Context) (remarks []string, err error) {
	var state, metrics error
	var asking sync.WaitGroup // at once: one that hangs must not have the other look silent
	asking.Go(func() { _, state = p.store.Meta(ctx, metaMetricsAddr) })
	asking.Go(func() { _, metrics = p.prom.Version(ctx) })
	asking.Wait()
	var missing []string
	if state != nil {
		missing = append(missing, "the state database does not answer")
	}
	if metrics != nil {
		missing = append(missing, "the metric store does not answer")
	}
	said := p.hubSaid.Load()
	if err := hubRefusal(said); err != nil {
		missing = append(missing, err.Error())
	}
	if len(p.services) == 0 {
		missing = append(missing, "no service is enabled, so nothing begins")
	}
	if hubAway(said) {
		remarks = append(remarks, "the Hub did not answer when it was last asked; what it is to be told waits")
	}
	if p.github != nil && p.github.Away() {
		remarks = append(remarks, "GitHub could not be asked when a round last began; repositories are measured in the next one")
	}
	if len(missing) == 0 {
		return remarks, nil
	}
	return remarks, errors.New(strings.Join(missing, "; "))
}

// hubRefusal says what the Hub's last answer tells of its key.
func hubRefusal(code int64) error {
	switch code {
	case http.StatusUnauthorized:
		return errors.New("the Hub does not know the key: set SERVICE_API_KEY to one that it does")
	case http.StatusForbidden:
		return errors.New("the Hub refuses the key a permission: give it teams:read, environment:read and environment:write")
	}
	return nil
}

// hubAway reports whether the Hub did not answer, or only that it cannot.
func hubAway(code int64) bool {
	return code == noAnswer || code == http.StatusTooManyRequests || code >= http.StatusInternalServerError
}
