package httpx

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
)

// challenged returns the request that proves who asks, when the answer x of hop
// wants to know it and the caller said how; else nil. Only the first host is told.
func challenged(first, hop *Request, x *Exchange) *Request {
	if first.extras().Digest == nil || x.Status != http.StatusUnauthorized || hop.URL.Host != first.URL.Host {
		return nil
	}
	c, ok := digestChallenge(x.Header.Values("Www-Authenticate"))
	if !ok {
		return nil
	}
	next := *hop
	proof := c.answer(first.Extras.Digest, hop.Method, hop.URL.RequestURI(), rand.Text())
	next.Header = append(dropField(hop.Header, "Authorization"), Field{"Authorization", proof})
	return &next
}

// challenge is what a server's WWW-Authenticate header asks.
type challenge struct {
	realm, nonce, opaque, algorithm string
	qop                             bool // quality of protection "auth" is offered
}

// digestChallenge finds the first challenge that can be answered.
func digestChallenge(headers []string) (challenge, bool) {
	for _, h := range headers {
		scheme, rest, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Digest") {
			continue
		}
		fields := parameters(rest)
		c := challenge{realm: fields["realm"], nonce: fields["nonce"], opaque: fields["opaque"], algorithm: fields["algorithm"]}
		for offer := range strings.SplitSeq(fields["qop"], ",") {
			c.qop = c.qop || strings.TrimSpace(offer) == "auth"
		}
		known := map[string]bool{"": true, "MD5": true, "MD5-SESS": true, "SHA-256": true, "SHA-256-SESS": true}
		if known[strings.ToUpper(c.algorithm)] && (c.qop || fields["qop"] == "") {
			return c, true
		}
	}
	return challenge{}, false
}

// parameters reads `a="b, c", d=e`.
func parameters(text string) map[string]string {
	out := map[string]string{}
	for text != "" {
		name, rest, ok := strings.Cut(text, "=")
		if !ok {
			break
		}
		var value string
		rest = strings.TrimLeft(rest, " ")
		if strings.HasPrefix(rest, `"`) {
			value, rest = quoted(rest[1:])
			_, rest, _ = strings.Cut(rest, ",")
		} else {
			value, rest, _ = strings.Cut(rest, ",")
		}
		out[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		text = rest
	}
	return out
}

// quoted reads up to the closing quote and returns what is left behind it.
func quoted(text string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return b.String(), text[i+1:]
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String(), ""
}

// answer is the value of the Authorization header.
func (c challenge) answer(user *url.Userinfo, method, uri, cnonce string) string {
	sum := func(parts ...string) string {
		text := []byte(strings.Join(parts, ":"))
		if strings.HasPrefix(strings.ToUpper(c.algorithm), "SHA-256") {
			h := sha256.Sum256(text)
			return hex.EncodeToString(h[:])
		}
		h := md5.Sum(text)
		return hex.EncodeToString(h[:])
	}
	const count = "00000001"
	password, _ := user.Password()
	secret := sum(user.Username(), c.realm, password)
	if strings.HasSuffix(strings.ToUpper(c.algorithm), "-SESS") {
		secret = sum(secret, c.nonce, cnonce)
	}
	what := sum(method, uri)
	proof := sum(secret, c.nonce, what)
	if c.qop {
		proof = sum(secret, c.nonce, count, cnonce, "auth", what)
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace
	out := `Digest username="` + quote(user.Username()) + `", realm="` + quote(c.realm) + `", nonce="` + quote(c.nonce) + `", uri="` + quote(uri) + `", response="` + proof + `"`
	if c.algorithm != "" {
		out += ", algorithm=" + c.algorithm
	}
	if c.opaque != "" {
		out += `, opaque="` + quote(c.opaque) + `"`
	}
	if c.qop {
		out += `, qop=auth, nc=` + count + `, cnonce="` + cnonce + `"`
	}
	return out
}
