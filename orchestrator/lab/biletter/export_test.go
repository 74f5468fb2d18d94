package biletter

import "net/http"

// NewOf makes a service that answers with h, for tests of Serve alone.
func NewOf(h http.Handler) *Service { return &Service{handler: h} }
