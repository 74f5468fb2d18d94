package git

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/bradleyfalzon/ghinstallation/v2"
)

// newAuth returns what adds our credentials to each request.
func newAuth(c Config, api *url.URL, next http.RoundTripper) (http.RoundTripper, error) {
	switch {
	case c.Token != "":
		return bearer{c.Token, next}, nil
	case c.AppID == 0 && c.PrivateKey == "":
		return next, nil
	case c.AppID == 0 || c.PrivateKey == "":
		return nil, errors.New("a GitHub App needs both its id and its private key")
	}
	// In an environment variable the key's line ends are often written as \n.
	key := strings.ReplaceAll(c.PrivateKey, `\n`, "\n")
	app, err := ghinstallation.NewAppsTransport(next, c.AppID, []byte(key))
	if err != nil {
		return nil, errors.New("the GitHub App's private key is not an RSA key in PEM")
	}
	app.BaseURL = strings.TrimRight(api.String(), "/")
	return &appAuth{app: app, id: c.InstallationID}, nil
}

// bearer adds a token.
type bearer struct {
	token string
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+b.token)
	return b.next.RoundTrip(req)
}

// appAuth speaks for an installation of a GitHub App. Any installation may read
// public repositories, so without a given one the App's first is taken.
type appAuth struct {
	app *ghinstallation.AppsTransport

	mu sync.Mutex
	id int64
	tr *ghinstallation.Transport
}

// RoundTrip implements http.RoundTripper.
func (a *appAuth) RoundTrip(req *http.Request) (*http.Response, error) {
	tr, err := a.installation(req.Context())
	if err != nil {
		return nil, err
	}
	resp, err := tr.RoundTrip(req)
	var refused *ghinstallation.HTTPError
	if errors.As(err, &refused) && refused.Response != nil {
		_ = refused.Response.Body.Close()
		if code := refused.Response.StatusCode; code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusNotFound {
			return nil, fmt.Errorf("%w: get a token for installation %d of the App: status %d", ErrCredentials, tr.InstallationID(), code)
		}
	}
	return resp, err
}

func (a *appAuth) installation(ctx context.Context) (*ghinstallation.Transport, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tr != nil {
		return a.tr, nil
	}
	if a.id == 0 {
		id, err := a.first(ctx)
		if err != nil {
			return nil, err
		}
		a.id = id
	}
	a.tr = ghinstallation.NewFromAppsTransport(a.app, a.id)
	return a.tr, nil
}

// first finds the App's oldest installation.
func (a *appAuth) first(ctx context.Context) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.app.BaseURL+"/app/installations?per_page=100", nil)
	if err != nil {
		return 0, fmt.Errorf("list installations of the GitHub App: %w", err)
	}
	req.Header.Set("User-Agent", "hackload")
	resp, err := a.app.RoundTrip(req)
	if err != nil {
		return 0, fmt.Errorf("list installations of the GitHub App: %w", err)
	}
	defer resp.Body.Close()
	var all []struct {
		ID int64 `json:"id"`
	}
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden || resp.StatusCode == http.StatusNotFound:
		return 0, fmt.Errorf("%w: list installations of the App: status %d", ErrCredentials, resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return 0, fmt.Errorf("list installations of the GitHub App: status %d", resp.StatusCode)
	}
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		return 0, fmt.Errorf("list installations of the GitHub App: %w", err)
	}
	if len(all) == 0 {
		return 0, fmt.Errorf("%w: the App is installed nowhere", ErrCredentials)
	}
	ids := make([]int64, len(all))
	for i, one := range all {
		ids[i] = one.ID
	}
	return slices.Min(ids), nil
}
