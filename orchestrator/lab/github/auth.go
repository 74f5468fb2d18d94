package github

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// App is a GitHub App: it signs with its private key, and gets a token that
// lasts an hour for each of its installations.
type App struct {
	ID            int64
	Key           *rsa.PublicKey
	Installations []Installation
}

// Installation is where an App is installed.
type Installation struct {
	ID      int64
	Account string // login of the organisation
}

// caller is who asks, as far as limits and private repositories go.
type caller struct {
	key       string // of its limits
	anonymous bool
}

// authenticate reads the Authorization header; false is a 401.
func (s *Server) authenticate(r *http.Request) (caller, bool) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return caller{key: "anonymous", anonymous: true}, true
	}
	token := credential(header)
	if until, issued := s.issued[token]; issued {
		return caller{key: token}, s.options.Now().Before(until)
	}
	good := token != "" && (len(s.options.Tokens) == 0 || slices.Contains(s.options.Tokens, token))
	return caller{key: token}, good
}

func credential(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "bearer") && !strings.EqualFold(scheme, "token") {
		return ""
	}
	return strings.TrimSpace(token)
}

// asApp answers what only an App may ask.
func (s *Server) asApp(r *http.Request) answer {
	app := s.options.App
	if app == nil || !app.signed(credential(r.Header.Get("Authorization")), s.options.Now()) {
		return failure(http.StatusUnauthorized, "A JSON web token could not be decoded")
	}
	if r.URL.Path == "/app/installations" && r.Method == http.MethodGet {
		all := []any{}
		for _, i := range app.Installations {
			all = append(all, map[string]any{"id": i.ID, "app_id": app.ID, "account": map[string]any{"login": i.Account, "type": "Organization"}})
		}
		return ok200(all)
	}
	id, isToken := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/app/installations/"), "/access_tokens")
	known := slices.ContainsFunc(app.Installations, func(i Installation) bool { return number(i.ID) == id })
	if !isToken || !known || r.Method != http.MethodPost {
		return failure(http.StatusNotFound, "Not Found")
	}
	token, until := "ghs_"+rand.Text(), s.options.Now().Add(time.Hour)
	s.issued[token] = until
	a := ok200(map[string]any{"token": token, "expires_at": stamp(until), "permissions": map[string]string{"metadata": "read", "contents": "read"}})
	a.status = http.StatusCreated
	return a
}

// signed reports whether token is a JSON web token of this App that holds now:
// RS256, issued by the App, for ten minutes at most.
func (a *App) signed(token string, now time.Time) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	var head struct{ Alg string }
	var claims struct {
		Iat, Exp float64
		Iss      any
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !decode(parts[0], &head) || !decode(parts[1], &claims) || head.Alg != "RS256" {
		return false
	}
	issuer, _ := claims.Iss.(string)
	if n, isNumber := claims.Iss.(float64); isNumber {
		issuer = strconv.FormatFloat(n, 'f', 0, 64)
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	at := float64(now.Unix())
	return issuer == number(a.ID) && claims.Iat <= at && at < claims.Exp && claims.Exp-at <= 600 &&
		rsa.VerifyPKCS1v15(a.Key, crypto.SHA256, sum[:], signature) == nil
}

func decode(part string, into any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(raw, into) == nil
}
