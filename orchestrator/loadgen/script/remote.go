package script

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Remote modules. What `https://…` imports is code that somebody else can change,
// so it can be pinned: by a fragment `#sha256-<hex>` of the import, or by a line
// `https://… sha256-<hex>` in the file imports.lock beside the script, which
// leaves the script as it is. What is pinned comes from a cache on disk where it
// is there, and is refused when it has another hash. What is not pinned is
// fetched each time, with a warning that says the pin, and only from public
// addresses.

const (
	lockFile      = "imports.lock"
	pinPrefix     = "sha256-"
	maxModule     = 8 << 20 // bytes
	fetchTimeout  = 30 * time.Second
	maxRemoteHops = 5
)

// remote finds the code of remote modules. The bundler asks for several at once.
type remote struct {
	src  Source
	pins map[string]string // by URL

	mu       sync.Mutex
	warnings []string
	loaded   map[string][]byte // by URL
}

func newRemote(src Source) (*remote, error) {
	r := &remote{src: src, pins: map[string]string{}, loaded: map[string][]byte{}}
	path := filepath.Join(filepath.Dir(src.Path), lockFile)
	b, err := src.ReadFile(path)
	if err != nil {
		return r, nil // no file, no pins
	}
	line := 0
	for text := range strings.Lines(string(b)) {
		line++
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		address, pin, _ := strings.Cut(text, " ")
		if pin = strings.TrimSpace(pin); !validPin(pin) {
			return nil, fmt.Errorf("%s:%d: want a URL and sha256-<64 hex digits>", lockFile, line)
		}
		r.pins[address] = pin
	}
	return r, nil
}

func validPin(pin string) bool {
	digits, ok := strings.CutPrefix(pin, pinPrefix)
	b, err := hex.DecodeString(digits)
	return ok && err == nil && len(b) == sha256.Size
}

func pinOf(code []byte) string {
	sum := sha256.Sum256(code)
	return pinPrefix + hex.EncodeToString(sum[:])
}

// load returns the code behind an address, which may end in a pin.
func (r *remote) load(address string) ([]byte, error) {
	plain, pin, _ := strings.Cut(address, "#")
	code, err := r.find(plain, pin)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.loaded[plain] = code
	}
	return code, err
}

func (r *remote) find(plain, pin string) ([]byte, error) {
	if pin != "" && !validPin(pin) {
		return nil, fmt.Errorf("module %s: the fragment is no pin like #sha256-<64 hex digits>", plain)
	}
	if pin == "" {
		pin = r.pins[plain]
	}
	if code, ok := r.cached(pin); ok {
		return code, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	code, err := r.src.Fetch(ctx, plain, pin != "")
	if err != nil {
		return nil, fmt.Errorf("fetch module %s: %w", plain, err)
	}
	got := pinOf(code)
	switch pin {
	case got:
		r.keep(pin, code)
	case "":
		r.warn(fmt.Sprintf("module %s is not pinned, so it may be another one tomorrow: write '%s %s' into %s beside the script", plain, plain, got, lockFile))
	default:
		return nil, fmt.Errorf("module %s has changed: it is pinned as %s but is %s now", plain, pin, got)
	}
	return code, nil
}

func (r *remote) warn(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warnings = append(r.warnings, text)
	slices.Sort(r.warnings)
}

// cached returns what is kept under a pin. Its hash is looked at again, because
// others may write to the disk too.
func (r *remote) cached(pin string) ([]byte, bool) {
	if pin == "" || r.src.Cache == "" {
		return nil, false
	}
	b, err := os.ReadFile(filepath.Join(r.src.Cache, pin))
	return b, err == nil && pinOf(b) == pin
}

// keep writes to the cache. Without one the module is fetched again next time.
func (r *remote) keep(pin string, code []byte) {
	if r.src.Cache == "" || os.MkdirAll(r.src.Cache, 0o755) != nil {
		return
	}
	f, err := os.CreateTemp(r.src.Cache, "new-*")
	if err != nil {
		return
	}
	_, err = f.Write(code)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(r.src.Cache, pin))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
}

// defaultCache is the folder of this user's caches; empty where there is none.
func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "hackload", "modules")
}

// fetchHTTPS gets a module. Private addresses are asked only for what is pinned:
// then nothing can come from there that the script's author has not seen.
func fetchHTTPS(ctx context.Context, address string, pinned bool) ([]byte, error) {
	dialer := &net.Dialer{Timeout: fetchTimeout}
	if !pinned {
		dialer.Control = onlyPublic
	}
	client := &http.Client{
		Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment},
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) >= maxRemoteHops || req.URL.Scheme != "https" {
				return errors.New("it redirects too often or to what is not https")
			}
			return nil
		},
	}
	return fetchWith(ctx, client, address)
}

func fetchWith(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		var asked *url.Error
		if errors.As(err, &asked) {
			err = asked.Err
		}
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", resp.Status)
	}
	var b bytes.Buffer
	if n, err := io.Copy(&b, io.LimitReader(resp.Body, maxModule+1)); err != nil || n > maxModule {
		return nil, errors.Join(err, fmt.Errorf("it is cut off or larger than %d MB", maxModule>>20))
	}
	return b.Bytes(), nil
}

// onlyPublic refuses addresses that are of no concern to the public.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("read address: %w", err)
	}
	if a := to.Addr().Unmap(); a.IsPrivate() || !a.IsGlobalUnicast() {
		return fmt.Errorf("%s is no public address: pin the module, or save it beside the script", a)
	}
	return nil
}
