package loadgen

import (
	"cmp"
	"net/url"

	"golang.org/x/net/http/httpproxy"
)

// proxies says which proxy a URL is reached through, by HTTP_PROXY, HTTPS_PROXY
// and NO_PROXY, upper case before lower, or returns nil where no proxy is set.
// As everywhere, this machine itself is never reached through one.
func proxies(env map[string]string) func(*url.URL) (*url.URL, error) {
	c := httpproxy.Config{
		HTTPProxy:  cmp.Or(env["HTTP_PROXY"], env["http_proxy"]),
		HTTPSProxy: cmp.Or(env["HTTPS_PROXY"], env["https_proxy"]),
		NoProxy:    cmp.Or(env["NO_PROXY"], env["no_proxy"]),
	}
	if c.HTTPProxy == "" && c.HTTPSProxy == "" {
		return nil
	}
	return c.ProxyFunc()
}
