package httpx

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// redirect returns the request that the answer x of req redirects to, or nil. It
// fails when the answer points nowhere that can be asked. first is the request
// that it all began with.
func redirect(first, req *Request, x *Exchange) (*Request, error) {
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
	next.URL = u
	next.Header = carried(req, u, next.Body == nil)
	if !hasField(first.Header, "Referer") {
		next.Header = append(dropField(next.Header, "Referer"), referer(req.URL, u)...)
	}
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

// referer tells where a redirect came from, as net/http does: without secrets,
// and not from an encrypted place to an open one.
func referer(from, to *url.URL) []Field {
	if from.Scheme == "https" && to.Scheme == "http" {
		return nil
	}
	plain := *from
	plain.User = nil
	return []Field{{"Referer", plain.String()}}
}

func hasField(fields []Field, name string) bool {
	return slices.ContainsFunc(fields, func(f Field) bool { return strings.EqualFold(f.Name, name) })
}

func dropField(fields []Field, name string) []Field {
	return slices.DeleteFunc(slices.Clone(fields), func(f Field) bool { return strings.EqualFold(f.Name, name) })
}
