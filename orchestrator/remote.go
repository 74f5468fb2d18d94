package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
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
	json              bool // print its answers as they come
	insecureToken     bool // send the token unencrypted to other machines
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
	f.BoolVar(&r.json, "json", false, "print the server's answer as it is")
	f.BoolVar(&r.insecureToken, "insecure-token", false, "send the token over plain http to another machine")
}

// group is a command that only holds others: a word that is none of them is
// wrong usage.
func (r *remote) group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	r.flags(cmd)
	return cmd
}

// query is one question to the running process.
type query struct {
	method, path string
	fields       url.Values // of the address
	body         []byte
	token        bool // only organisers may ask it
}

// read asks what everybody may know.
func (r *remote) read(ctx context.Context, path string, fields url.Values) ([]byte, error) {
	return r.ask(ctx, query{method: http.MethodGet, path: path, fields: fields})
}

// readAsOrganiser asks what is shown to organisers only.
func (r *remote) readAsOrganiser(ctx context.Context, path string, fields url.Values) ([]byte, error) {
	return r.ask(ctx, query{method: http.MethodGet, path: path, fields: fields, token: true})
}

// change is something that the running process is to do.
type change struct {
	method, path string
	reason       bool           // it must be said why
	more         map[string]any // fields besides who and why
}

// post is a change without fields of its own, at the path that the parts make.
func post(parts ...string) change { return change{method: http.MethodPost, path: apiPath(parts...)} }

// because is the change with a reason that must be given.
func (c change) because() change { c.reason = true; return c }

// apiPath joins the parts, whatever is in them, to a path of the JSON API.
func apiPath(parts ...string) string {
	path := "/api/v1"
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}

// change asks for a change.
func (r *remote) change(ctx context.Context, c change) ([]byte, error) {
	if r.who == "" {
		return nil, usage(errors.New("it is not said who changes this"), "Give --who NAME.")
	}
	if c.reason && strings.TrimSpace(r.why) == "" {
		return nil, usage(errors.New("it is not said why"), "Give --why REASON: it is kept in the audit trail.")
	}
	body := map[string]any{"who": r.who, "why": r.why}
	for k, v := range c.more {
		body[k] = v
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode change: %w", err)
	}
	return r.ask(ctx, query{method: c.method, path: c.path, body: text, token: true})
}

func (r *remote) ask(ctx context.Context, q query) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, remoteTimeout)
	defer cancel()
	req, err := r.request(ctx, q)
	if err != nil {
		return nil, err
	}
	// A redirect could lead the token elsewhere, or turn a change into a read.
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return nil, &exit{exitTrouble, fmt.Errorf("ask the running process: %w", err), "Is 'hackload serve' running? Name its address with --server."}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer+1))
	switch {
	case err != nil:
		return nil, trouble(fmt.Errorf("read answer: %w", err))
	case len(answer) > mostAnswer:
		return nil, trouble(fmt.Errorf("the answer of %s is longer than %d MiB", q.path, mostAnswer>>20))
	case resp.StatusCode == http.StatusOK:
		return answer, nil
	case resp.StatusCode/100 == 3:
		return nil, usage(fmt.Errorf("%s sends elsewhere: to %s", r.server, resp.Header.Get("Location")), "Name the address that answers itself with --server.")
	}
	return nil, refused(resp.StatusCode, answer)
}

func (r *remote) request(ctx context.Context, q query) (*http.Request, error) {
	const hint = "Give a URL like http://127.0.0.1:8080."
	at, err := url.Parse(strings.TrimRight(r.server, "/") + q.path)
	if err != nil {
		return nil, usage(fmt.Errorf("--server: %w", err), hint)
	}
	if at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return nil, usage(fmt.Errorf("--server %q is no URL of a server", r.server), hint)
	}
	at.RawQuery = q.fields.Encode()
	req, err := http.NewRequestWithContext(ctx, q.method, at.String(), bytes.NewReader(q.body))
	if err != nil {
		return nil, usage(fmt.Errorf("--server: %w", err), hint)
	}
	if q.token { // what is free to read is asked without it
		return req, r.authorise(req)
	}
	return req, nil
}

// authorise adds the token, unless anybody on the way could read it.
func (r *remote) authorise(req *http.Request) error {
	if req.URL.Scheme == "http" && !loopback(req.URL.Hostname()) && !r.insecureToken {
		return usage(fmt.Errorf("the token would go unencrypted to %s", req.URL.Host),
			"Use https, or a tunnel to this machine; --insecure-token sends it all the same.")
	}
	token, err := r.token()
	if err != nil {
		return err
	}
	if token == "" {
		return usage(errors.New("there is no token"), "Set ADMIN_TOKEN as the server has it, or give --token-file.")
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return nil
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

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// refused tells the server's own words.
func refused(code int, answer []byte) error {
	var said struct{ Error, Hint string }
	if json.Unmarshal(answer, &said) != nil || said.Error == "" {
		said.Error = http.StatusText(code)
	}
	err := fmt.Errorf("the server refused (%d): %s", code, oneLine(said.Error, proseText))
	hint := oneLine(said.Hint, proseText)
	if code >= http.StatusInternalServerError {
		return &exit{exitTrouble, err, cmp.Or(hint, "Its log says more.")}
	}
	return usage(err, hint)
}
