package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"
)

// PushConfig says where the metrics of a command that ends are kept for
// Prometheus.
type PushConfig struct {
	URL      string // of a Pushgateway; may hold a user and password
	Command  string // the label "command" of the group
	Instance string // the label "instance" of the group
}

// pushTimeout bounds a push.
const pushTimeout = 5 * time.Second

// Push puts all metrics of reg in place of what the same command of the same
// instance pushed before. Its error names the gateway's host and nothing else
// of its address.
func Push(ctx context.Context, c PushConfig, reg prometheus.Gatherer) error {
	at, err := url.Parse(c.URL)
	if err != nil || at.Host == "" {
		return errors.New("the Pushgateway's address (PROMETHEUS_PUSHGATEWAY_URL) is no URL")
	}
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	answer := &status{client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	defer answer.client.CloseIdleConnections()
	err = push.New(c.URL, "hackload").Gatherer(reg).Client(answer).
		Grouping("command", c.Command).Grouping("instance", c.Instance).PushContext(ctx)
	if err == nil {
		return nil
	}
	return fmt.Errorf("push metrics to %s: %w", at.Host, answer.reason(err))
}

// status makes requests and remembers the status of the last answer, because
// the push library's errors show the whole address.
type status struct {
	client *http.Client
	code   int
}

// Do makes the request.
func (s *status) Do(r *http.Request) (*http.Response, error) {
	resp, err := s.client.Do(r)
	if err == nil {
		s.code = resp.StatusCode
	}
	return resp, err
}

// reason is what went wrong, without the address.
func (s *status) reason(err error) error {
	if s.code != 0 {
		return fmt.Errorf("it answered %d", s.code)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = e.Err
	}
	return err
}
