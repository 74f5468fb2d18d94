package prom

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const oldestMajor = 3

// Version returns the version that Prometheus says it has, for example "3.16.0".
func (c *Client) Version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	info, err := c.api.Buildinfo(ctx)
	if err != nil {
		return "", classify("ask prometheus for its version", err)
	}
	if info.Version == "" {
		return "", &Error{"ask prometheus for its version", errors.Join(ErrBadAnswer, errors.New("it names no version"))}
	}
	return info.Version, nil
}

// Check reports why evidence cannot be had from this Prometheus: it does not
// answer a query, or it is older than 3, where last_over_time loses native
// histograms.
func (c *Client) Check(ctx context.Context) error {
	version, err := c.Version(ctx)
	if err != nil {
		return err
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldestMajor {
		return &Error{"check prometheus", fmt.Errorf("%w: it is %q", ErrTooOld, version)}
	}
	samples, err := c.Query(ctx, "last_over_time(vector(1)[1m:1m])", time.Now())
	if err != nil {
		return err
	}
	if len(samples) != 1 || samples[0].Value != 1 {
		return &Error{"check prometheus", errors.Join(ErrBadAnswer, errors.New("last_over_time of 1 is not 1"))}
	}
	return nil
}
