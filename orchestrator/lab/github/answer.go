package github

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
)

const docs = "https://docs.github.com/rest"

// answer is a status and a body to be written as JSON; a nil body is none.
type answer struct {
	status int
	header http.Header
	body   any
	raw    []byte // body as it is sent, once it is known
}

func ok200(body any) answer { return answer{status: http.StatusOK, header: http.Header{}, body: body} }

func failure(status int, message string) answer {
	return answer{status: status, header: http.Header{}, body: map[string]any{
		"message": message, "documentation_url": docs, "status": number(int64(status)),
	}}
}

func blocked(repo Repo) answer {
	a := failure(http.StatusUnavailableForLegalReasons, "Repository access blocked")
	a.body = map[string]any{
		"message": "Repository access blocked",
		"block": map[string]any{
			"reason": "dmca", "created_at": "2025-08-15T12:00:00Z",
			"html_url": "https://github.com/github/dmca/blob/master/2025/08/" + repo.Name + ".md",
		},
	}
	return a
}

func (a *answer) encode() {
	if a.raw != nil || a.body == nil {
		return
	}
	raw, err := json.Marshal(a.body)
	if err != nil {
		a.status, raw = http.StatusInternalServerError, []byte(`{"message":"Server Error"}`)
	}
	a.raw = raw
}

// tag gives a good answer its entity tag, which depends on who asks, and turns
// it into a 304 where the caller has it already.
func (a *answer) tag(r *http.Request) {
	if a.status != http.StatusOK {
		return
	}
	a.encode()
	sum := sha256.New()
	for _, part := range []string{r.Header.Get("Authorization"), r.Header.Get("Accept"), a.header.Get("Link"), string(a.raw)} {
		sum.Write([]byte(part))
		sum.Write([]byte{0})
	}
	tag := `W/"` + hex.EncodeToString(sum.Sum(nil)) + `"`
	a.header.Set("ETag", tag)
	a.header.Set("Vary", "Accept, Authorization, Cookie, X-GitHub-OTP, Accept-Encoding, Accept, X-Requested-With")
	if weak(r.Header.Get("If-None-Match")) == weak(tag) {
		a.status, a.body, a.raw = http.StatusNotModified, nil, nil
	}
}

func weak(tag string) string { return strings.TrimPrefix(tag, "W/") }

func (a *answer) write(w http.ResponseWriter) {
	a.encode()
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.Header().Set("Server", "github.com")
	w.Header().Set("X-GitHub-Media-Type", "github.v3; format=json")
	w.Header().Set("Cache-Control", "public, max-age=60, s-maxage=60")
	if a.raw != nil {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.raw) // the caller is gone if this fails
}
