package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	healthTimeout = 5 * time.Second
	healthAnswer  = 4 << 10 // bytes of it that are read
)

// checkHealth asks the serve of this machine whether it is alive. A service, a
// team or the Hub in trouble does not make it dead: restarting would not help.
func checkHealth(ctx context.Context, w world, port int) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy stands between
	code, _, err := ask(ctx, client, url+"/healthz")
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("it answered %d", code)
	}
	if err != nil {
		return &exit{exitFailed, fmt.Errorf("serve on port %d is not healthy: %w", port, err), "Is it running, and on this HEALTH_CHECK_PORT?"}
	}
	// What is missing is said, and is not what the exit code is about.
	if code, text, err := ask(ctx, client, url+"/readyz"); err == nil && code != http.StatusOK {
		fmt.Fprintln(w.Stdout, "alive, and not ready:", text)
		return nil
	}
	fmt.Fprintln(w.Stdout, "alive")
	return nil
}

func ask(ctx context.Context, client *http.Client, url string) (code int, text string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, healthAnswer))
	return resp.StatusCode, strings.TrimSpace(string(body)), err
}
