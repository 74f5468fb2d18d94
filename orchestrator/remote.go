package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// remote is the running process, which owns the state: commands ask it.
type remote struct {
	world
	server, tokenFile string
	who, why          string
}

const (
	remoteTimeout = 15 * time.Second
	mostAnswer    = 32 << 20
)

func (r *remote) flags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&r.server, "server", "http://127.0.0.1:"+cmp.Or(r.Getenv("HEALTH_CHECK_PORT"), "8080"), "`URL` of the running process")
	f.StringVar(&r.tokenFile, "token-file", "", "read the token from `FILE` instead of ADMIN_TOKEN")
	f.StringVar(&r.who, "who", r.Getenv("USER"), "`NAME` of who changes something, for the audit trail")
	f.StringVar(&r.why, "why", "", "`REASON` of a change, for the audit trail")
}

func (r *remote) token() (string, error) {
	if r.tokenFile == "" {
		return r.Getenv("ADMIN_TOKEN"), nil
	}
	text, err := os.ReadFile(r.tokenFile)
	if err != nil {
		return "", usage(fmt.Errorf("read token: %w", err), "Name an existing file with --token-file.")
	}
	return strings.TrimSpace(string(text)), nil
}

// change asks for a change; more are its fields besides who and why.
func (r *remote) change(ctx context.Context, method, path string, more map[string]string) ([]byte, error) {
	if r.who == "" {
		return nil, usage(errors.New("it is not said who changes this"), "Give --who NAME.")
	}
	body := map[string]string{"who": r.who, "why": r.why}
	for k, v := range more {
		body[k] = v
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode change: %w", err)
	}
	return r.ask(ctx, method, path, text)
}

func (r *remote) ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, remoteTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(r.server, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, usage(fmt.Errorf("--server: %w", err), "Give a URL like http://127.0.0.1:8080.")
	}
	if method != http.MethodGet { // reads are free, so the token stays here
		token, err := r.token()
		if err != nil {
			return nil, err
		}
		if token == "" {
			return nil, usage(errors.New("there is no token"), "Set ADMIN_TOKEN as the server has it, or give --token-file.")
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, &exit{exitTrouble, fmt.Errorf("ask the running process: %w", err), "Is 'hackload serve' running? Name its address with --server."}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err != nil {
		return nil, trouble(fmt.Errorf("read answer: %w", err))
	}
	if resp.StatusCode == http.StatusOK {
		return answer, nil
	}
	return nil, refused(resp.StatusCode, answer)
}

// refused tells the server's own words.
func refused(code int, answer []byte) error {
	var said struct{ Error, Hint string }
	if json.Unmarshal(answer, &said) != nil || said.Error == "" {
		said.Error = http.StatusText(code)
	}
	err := fmt.Errorf("the server refused (%d): %s", code, said.Error)
	if code >= http.StatusInternalServerError {
		return &exit{exitTrouble, err, cmp.Or(said.Hint, "Its log says more.")}
	}
	return usage(err, said.Hint)
}
