package web

import "regexp"

var ofTheAPI = regexp.MustCompile(`^[A-Z]+ /(api/v1/.+|health|health/.+|healthz|readyz)$`)

// Patterns lists what New serves of the API and for probes, as "METHOD /path":
// without pages, their files, and what answers where nothing is.
func Patterns(c Config) []string {
	var all []string
	for _, p := range serves(c).patterns {
		if ofTheAPI.MatchString(p) {
			all = append(all, p)
		}
	}
	return all
}

// Document is the API's description.
func Document() []byte { return openAPI }

// MostAddresses is how many readers have a rate of their own.
const MostAddresses = mostAddresses
