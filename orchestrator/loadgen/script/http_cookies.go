package script

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"time"

	"github.com/grafana/sobek"
)

// cookieJar is a CookieJar of a script: that of its virtual user, or its own.
type cookieJar struct {
	vm  *VM
	jar *cookiejar.Jar
}

func (vm *VM) newJar(jar *cookiejar.Jar) *sobek.Object {
	return object(vm, "CookieJar", &cookieJar{vm, jar}, func() methods[*cookieJar] {
		return methods[*cookieJar]{
			"cookiesForURL": (*cookieJar).cookies, "set": (*cookieJar).set, "clear": (*cookieJar).clear, "delete": (*cookieJar).remove,
		}
	})
}

// ownJar is http.cookieJar().
func (vm *VM) ownJar(sobek.FunctionCall) sobek.Value {
	vm.needCall("http.cookieJar")
	return vm.newJar(vm.client.Jar())
}

// constructJar is new http.CookieJar().
func (vm *VM) constructJar(sobek.ConstructorCall) *sobek.Object {
	jar, _ := cookiejar.New(nil) // never fails without options
	return vm.newJar(jar)
}

func (j *cookieJar) url(v sobek.Value) *url.URL {
	u, err := url.Parse(v.String())
	if err != nil {
		j.vm.throw("cookie jar: the URL cannot be read")
	}
	return u
}

// cookies returns the values by name that a request to a URL would carry.
func (j *cookieJar) cookies(c sobek.FunctionCall) any {
	out, byName := j.vm.rt.NewObject(), map[string][]any{}
	for _, ck := range j.jar.Cookies(j.url(c.Argument(0))) {
		byName[ck.Name] = append(byName[ck.Name], ck.Value)
		_ = out.Set(ck.Name, j.vm.rt.NewArray(byName[ck.Name]...))
	}
	return out
}

func (j *cookieJar) set(c sobek.FunctionCall) any {
	u := j.url(c.Argument(0))
	ck := &http.Cookie{Name: c.Argument(1).String(), Value: c.Argument(2).String()}
	if options, ok := c.Argument(3).(*sobek.Object); ok {
		j.attributes(ck, options)
	}
	j.jar.SetCookies(u, []*http.Cookie{ck})
	return true
}

func (j *cookieJar) attributes(ck *http.Cookie, options *sobek.Object) {
	for _, k := range options.Keys() {
		v := options.Get(k)
		switch k {
		case "domain":
			ck.Domain = v.String()
		case "path":
			ck.Path = v.String()
		case "max_age":
			ck.MaxAge = int(v.ToInteger())
		case "secure":
			ck.Secure = v.ToBoolean()
		case "http_only":
			ck.HttpOnly = v.ToBoolean()
		case "expires":
			if v.String() == "" {
				break
			}
			t, err := time.Parse(time.RFC1123, v.String())
			if err != nil {
				j.vm.throw("cookie %s: expires %.60q is no date like 'Mon, 02 Jan 2006 15:04:05 MST'", ck.Name, v.String())
			}
			ck.Expires = t
		}
	}
}

// clear forgets what would be sent to a URL.
func (j *cookieJar) clear(c sobek.FunctionCall) any {
	u := j.url(c.Argument(0))
	j.expire(u, func(string) bool { return true })
	return nil
}

func (j *cookieJar) remove(c sobek.FunctionCall) any {
	name := c.Argument(1).String()
	j.expire(j.url(c.Argument(0)), func(n string) bool { return n == name })
	return nil
}

func (j *cookieJar) expire(u *url.URL, which func(name string) bool) {
	var gone []*http.Cookie
	for _, ck := range j.jar.Cookies(u) {
		if which(ck.Name) {
			gone = append(gone, &http.Cookie{Name: ck.Name, MaxAge: -1})
		}
	}
	j.jar.SetCookies(u, gone)
}
