package httpx

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// redirect returns the request that the answer x redirects to, or nil. It
// fails when the answer points nowhere that can be asked.
func redirect(req *Request, x *Exchange) (*Request, error) {
	if x.Err != nil {
		return nil, nil
	}
	next := *req
	switch x.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		if req.Method != http.MethodHead && req.Method != http.MethodGet {
			next.Method = http.MethodGet
		}
		next.Body = nil
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	location := x.Header.Get("Location")
	if location == "" {
		return nil, nil
	}
	u, err := req.URL.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("failed to parse Location header %.100q", location)
	}
	if _, err := keyOf(u); err != nil {
		return nil, fmt.Errorf("redirect to %.100q: %w", location, err)
	}
	next.URL = u
	next.Header = carried(req, u, next.Body == nil)
	return &next, nil
}

// carried returns the headers that go along: secrets stay with their host, and
// what describes a body stays with the body.
func carried(req *Request, to *url.URL, bodyless bool) []Field {
	sameHost := strings.EqualFold(to.Host, req.URL.Host) && (to.Scheme == req.URL.Scheme || to.Scheme == "https")
	var kept []Field
	for _, f := range req.Header {
		name := strings.ToLower(f.Name)
		secret := name == "authorization" || name == "cookie" || name == "www-authenticate"
		aboutBody := strings.HasPrefix(name, "content-")
		if secret && !sameHost || aboutBody && bodyless || name == "host" && !sameHost {
			continue
		}
		kept = append(kept, f)
	}
	return kept
}
