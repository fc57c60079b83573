package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

type demo struct {
	binary  string
	dir     string
	sandbox *sandbox.Sandbox
	out     io.Writer
	start   time.Time
	token   string
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) title(format string, args ...any) { d.say("\n── "+format, args...) }

// plainEnv is a clean home that trusts the sandbox's certificates.
func (d *demo) plainEnv() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "AWF_CRED_CA_FILE=" + d.sandbox.CAFile(), "AWF_CRED_LOG_FORMAT=text"}
	if root := os.Getenv("SystemRoot"); root != "" {
		env = append(env, "SystemRoot="+root)
	}
	return env
}

// env is what a workflow step of gh-aw sees, and nothing else of ours.
func (d *demo) env(cacheDir string) []string {
	env := append(d.plainEnv(), "AWF_CRED_CACHE_DIR="+cacheDir)
	env = append(env, d.sandbox.GitHubEnv()...)
	return append(env, d.sandbox.AnthropicEnv()...)
}

// run runs awf-cred and returns its standard output; its standard error is shown.
func (d *demo) run(ctx context.Context, cacheDir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, d.binary, args...)
	cmd.Env = d.env(cacheDir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if stderr.Len() > 0 {
		d.say("   %s", strings.ReplaceAll(strings.TrimSpace(stderr.String()), "\n", "\n   "))
	}
	if err != nil {
		return nil, fmt.Errorf("awf-cred %s: %w", strings.Join(args, " "), err)
	}
	return out, nil
}

func (d *demo) cacheDir() string { return filepath.Join(d.dir, "cache") }

func (d *demo) welcome(context.Context) error {
	d.say("awf-cred against its sandbox: GitHub's OIDC endpoint and Anthropic's token and Messages")
	d.say("endpoints on loopback, with real TLS, real RS256 signatures, and an assertion taken once.")
	d.title("the environment of a workflow step")
	for _, pair := range append(d.sandbox.GitHubEnv(), d.sandbox.AnthropicEnv()...) {
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case name == "ACTIONS_ID_TOKEN_REQUEST_TOKEN":
			value = redact(value)
		case !strings.HasPrefix(name, "ACTIONS_") && !strings.HasPrefix(name, "AWF_"):
			continue
		}
		d.say("   %s=%s", name, short(value))
	}
	return nil
}

func (d *demo) identity(ctx context.Context) error {
	d.title("$ awf-cred mint --format json")
	out, err := d.run(ctx, d.cacheDir(), "mint", "--format", "json")
	if err != nil {
		return err
	}
	var minted struct {
		Token  string         `json:"token"`
		Claims map[string]any `json:"claims"`
		Left   int            `json:"expires_in"`
	}
	if err := json.Unmarshal(out, &minted); err != nil {
		return err
	}
	d.say("   an identity token for %v, issued by %v", minted.Claims["sub"], minted.Claims["iss"])
	d.say("   audience %v, %d s left, %s", minted.Claims["aud"], minted.Left, redact(minted.Token))
	return nil
}

type tokenJSON struct {
	Provider  string    `json:"provider"`
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
	ExpiresIn int       `json:"expires_in"`
	RequestID string    `json:"request_id"`
	Cached    bool      `json:"cached"`
}

func (d *demo) fetch(ctx context.Context) (tokenJSON, time.Duration, error) {
	var t tokenJSON
	start := time.Now()
	out, err := d.run(ctx, d.cacheDir(), "token", "--format", "json")
	if err != nil {
		return t, 0, err
	}
	return t, time.Since(start), json.Unmarshal(out, &t)
}

func (d *demo) exchange(ctx context.Context) error {
	d.title("$ awf-cred token        (cold: mint, exchange, cache)")
	t, took, err := d.fetch(ctx)
	if err != nil {
		return err
	}
	if t.Cached {
		return errors.New("the first token came from the cache")
	}
	d.token = t.Token
	d.say("   %s  expires %s (in %d s)", redact(t.Token), t.ExpiresAt.Format(time.RFC3339), t.ExpiresIn)
	d.say("   request id %s, took %d ms", t.RequestID, took.Milliseconds())
	return nil
}

func (d *demo) cache(ctx context.Context) error {
	d.title("$ awf-cred token        (again)")
	t, took, err := d.fetch(ctx)
	if err != nil {
		return err
	}
	if !t.Cached || t.Token != d.token {
		return errors.New("the second token did not come from the cache")
	}
	d.say("   the same token, from the cache, took %d ms", took.Milliseconds())
	return nil
}

func (d *demo) storm(ctx context.Context) error {
	const processes = 10
	d.title("ten processes of `awf-cred token` at once, empty cache")
	before := d.sandbox.Counts()
	dir := filepath.Join(d.dir, "storm")
	outs, errs := make([]string, processes), make([]error, processes)
	var wg sync.WaitGroup
	for i := range processes {
		wg.Go(func() {
			out, err := d.run(ctx, dir, "token")
			outs[i], errs[i] = string(out), err
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	after := d.sandbox.Counts()
	for _, out := range outs {
		if out != outs[0] {
			return errors.New("two processes got different tokens")
		}
	}
	mints, exchanges := after.Mints-before.Mints, after.Exchanges-before.Exchanges
	d.say("   %d identical tokens, %d mint, %d exchange, %d replays", processes, mints, exchanges, after.Replays)
	if exchanges != 1 || after.Replays != 0 {
		return errors.New("they did not share one exchange")
	}
	return nil
}

func (d *demo) stream(ctx context.Context) error {
	d.title("a streaming Messages request with the token")
	body := `{"model":"claude-sandbox","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"Hello"}]}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.sandbox.URL(sandbox.HostAnthropic)+"/v1/messages", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+d.token)
	req.Header.Set("Anthropic-Version", "2023-06-01")
	req.Header.Set("Anthropic-Beta", "oauth-2025-04-20")
	req.Header.Set("Content-Type", "application/json")
	resp, err := d.sandbox.Client().Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	fmt.Fprintf(d.out, "   HTTP %d  ", resp.StatusCode)
	events := 0
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		events++
		var event struct {
			Delta struct {
				Text string `json:"text"`
			} `json:"delta"`
		}
		if json.Unmarshal([]byte(data), &event) == nil {
			fmt.Fprint(d.out, event.Delta.Text)
		}
	}
	d.say("\n   %d events", events)
	if resp.StatusCode != http.StatusOK || events == 0 {
		return errors.New("the API did not accept the token")
	}
	return nil
}

func (d *demo) summary() {
	c := d.sandbox.Counts()
	d.title("what the sandbox saw")
	d.say("   %d mints, %d exchanges, %d replays; no key was stored anywhere", c.Mints, c.Exchanges, c.Replays)
	d.say("   done in %.1f s", time.Since(d.start).Seconds())
}

// short cuts a value to what fits on a line.
func short(s string) string {
	if len(s) > 48 {
		return s[:45] + "…"
	}
	return s
}

// redact shows what kind of secret it is and nothing of it.
func redact(s string) string {
	for _, prefix := range []string{"sk-ant-oat01-", "ey"} {
		if strings.HasPrefix(s, prefix) {
			return prefix + "…(redacted)"
		}
	}
	return "(redacted)"
}
