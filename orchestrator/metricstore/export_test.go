package metricstore

import "net/http"

// Handler lets tests send requests that seem to come from elsewhere.
func (s *Store) Handler() http.Handler { return s.handler() }
