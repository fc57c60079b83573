package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

type sandboxKey struct{}

// sandboxCommand is the outside world of a script:
//
//	sandbox start [tls] [actions] [lifetime=60s] [reuse]
//	sandbox count mints|exchanges|replays|messages N
//	sandbox fault ENDPOINT STATUS [TIMES]      the vendor's error of that status
//	sandbox body ENDPOINT STATUS FILE          an answer of our own
//	sandbox mint FILE [audience=A] [expired]   an identity token in a file
//	sandbox revoke, sandbox reset, sandbox stop
func sandboxCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: sandbox start|count|fault|body|mint|revoke|reset")
	}
	if args[0] == "start" {
		startSandbox(ts, args[1:])
		return
	}
	sb, ok := ts.Value(sandboxKey{}).(**sandbox.Sandbox)
	if !ok || *sb == nil {
		ts.Fatalf("no sandbox was started")
	}
	useSandbox(ts, *sb, args)
}

func startSandbox(ts *testscript.TestScript, options []string) {
	cfg := sandbox.Config{Dir: ts.MkAbs("ca"), APIKey: "sk-ant-api03-sandbox"}
	ts.Check(os.MkdirAll(cfg.Dir, 0o700))
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		switch name {
		case "tls":
			cfg.TLS = true
		case "actions":
			cfg.GitHubActions = true
		case "lifetime":
			d, err := time.ParseDuration(value)
			ts.Check(err)
			cfg.Rule.TokenLifetime = d
		case "reuse":
			cfg.Rule.AllowReuse = true
		default:
			ts.Fatalf("unknown option %s", o)
		}
	}
	sb, err := sandbox.Run(context.Background(), cfg)
	ts.Check(err)
	ts.Defer(func() { _ = sb.Close() })
	if p, ok := ts.Value(sandboxKey{}).(**sandbox.Sandbox); ok {
		*p = sb
	}
	for _, entry := range append(sb.GitHubEnv(), sb.AnthropicEnv()...) {
		name, value, _ := strings.Cut(entry, "=")
		ts.Setenv(name, value)
	}
	ts.Setenv("SANDBOX_CA", sb.CAFile())
	ts.Setenv("SANDBOX_WORKSPACE", sb.Rule().Workspaces[1])
	ts.Setenv("SANDBOX_API", sb.URL(sandbox.HostAnthropic))
	ts.Setenv("SANDBOX_TLS_TOKEN_URL", sb.TLSURL(sandbox.HostAnthropic)+"/v1/oauth/token")
}

func useSandbox(ts *testscript.TestScript, sb *sandbox.Sandbox, args []string) {
	switch args[0] {
	case "count":
		want, err := strconv.Atoi(args[2])
		ts.Check(err)
		c := sb.Counts()
		got, ok := map[string]int{"mints": c.Mints, "exchanges": c.Exchanges, "replays": c.Replays, "messages": c.Messages}[args[1]]
		if !ok || got != want {
			ts.Fatalf("%s: %d, want %d (known: %v)", args[1], got, want, ok)
		}
	case "fault":
		status, err := strconv.Atoi(args[2])
		ts.Check(err)
		times := 1
		if len(args) > 3 {
			times, err = strconv.Atoi(args[3])
			ts.Check(err)
		}
		sb.AddFault(sandbox.Endpoint(args[1]), sandbox.Status(status).N(times))
	case "body":
		status, err := strconv.Atoi(args[2])
		ts.Check(err)
		sb.AddFault(sandbox.Endpoint(args[1]), sandbox.Fault{Status: status, Body: ts.ReadFile(args[3])})
	case "mint":
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(mintFor(sb, args[2:])+"\n"), 0o600))
	case "revoke":
		sb.RevokeAll()
	case "stop":
		ts.Check(sb.Close())
	case "reset":
		sb.Reset()
	default:
		ts.Fatalf("unknown: sandbox %s", args[0])
	}
}

func mintFor(sb *sandbox.Sandbox, options []string) string {
	t := sandbox.Token{Audience: "https://api.anthropic.com"}
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		switch name {
		case "audience":
			t.Audience = value
		case "expired":
			past := sb.Now().Add(-2 * time.Hour).Unix()
			t.Claims = map[string]any{"iat": past, "nbf": past, "exp": past + 300}
		}
	}
	return sb.MintToken(t)
}

// jsonHas compares members of the JSON object on stdout or stderr, or in a file:
//
//	jsonhas stdout provider=anthropic expires_at=* error.code=2 scope=null
//
// An asterisk stands for any value but null; a leading ! for a member that is not
// there.
func jsonHas(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile(args[0])
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var object map[string]any
	ts.Check(dec.Decode(&object))
	if rest, err := dec.Token(); err == nil {
		ts.Fatalf("more than one object: %v", rest)
	}
	if strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
		ts.Fatalf("not one line: %q", text)
	}
	for _, want := range args[1:] {
		if ok, got := memberIs(object, want); ok == neg {
			ts.Fatalf("%s: got %v", want, got)
		}
	}
}

func memberIs(object map[string]any, want string) (ok bool, got string) {
	path, value, _ := strings.Cut(strings.TrimPrefix(want, "!"), "=")
	var at any = object
	for name := range strings.SplitSeq(path, ".") {
		present := false
		switch node := at.(type) {
		case map[string]any:
			at, present = node[name]
		case []any:
			i, err := strconv.Atoi(name)
			present = err == nil && i < len(node)
			if present {
				at = node[i]
			}
		}
		if !present {
			return strings.HasPrefix(want, "!"), "nothing"
		}
	}
	got = fmt.Sprint(at)
	if at == nil {
		got = "null"
	}
	if strings.HasPrefix(want, "!") {
		return false, got
	}
	return got == value || value == "*" && at != nil, got
}

// exitsWith runs a program and wants its exit status: exits 4 awf-cred token.
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if (got == want) == neg {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// modeIs compares the permission bits of files: mode 600 FILE...
func modeIs(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	for _, name := range args[1:] {
		info, err := os.Lstat(ts.MkAbs(name))
		ts.Check(err)
		if (info.Mode().Perm() == fs.FileMode(want)) == neg {
			ts.Fatalf("%s has mode %04o", name, info.Mode().Perm())
		}
	}
}
