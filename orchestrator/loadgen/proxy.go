package loadgen

import (
	"net/url"

	"golang.org/x/net/http/httpproxy"
)

// proxies says which proxy a URL is reached through, by HTTP_PROXY, HTTPS_PROXY
// and NO_PROXY, upper case before lower, or returns nil where no proxy is set.
// As everywhere, this machine itself is never reached through one.
func proxies(env map[string]string) func(*url.URL) (*url.URL, error) {
	either := func(upper, lower string) string {
		if env[upper] != "" {
			return env[upper]
		}
		return env[lower]
	}
	c := httpproxy.Config{
		HTTPProxy: either("HTTP_PROXY", "http_proxy"), HTTPSProxy: either("HTTPS_PROXY", "https_proxy"), NoProxy: either("NO_PROXY", "no_proxy"),
	}
	if c.HTTPProxy == "" && c.HTTPSProxy == "" {
		return nil
	}
	return c.ProxyFunc()
}
