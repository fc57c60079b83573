//go:build linux

package chaos

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

func always(f sandbox.Fault) []sandbox.Fault { return []sandbox.Fault{f.Always()} }

func TestF040TheExchangeIsRefused(t *testing.T) {
	t.Parallel()
	c := row(t, "F040, F055, T24", "a final refusal or a redirect: one exchange, the request id named")
	var cases []remote
	for _, status := range []int{400, 401, 403, 404, 405, 413, 415, 422} {
		cases = append(cases, remote{name: itoa(status), at: sandbox.AnthropicToken, faults: always(sandbox.Status(status)),
			code: 4, mints: 1, exchanges: 1, says: []string{itoa(status), "req_"}})
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{"https://evil.invalid/x?a=b", "http://127.0.0.1:1/x", "/v1/oauth/token", "//evil.invalid/"} {
			cases = append(cases, remote{name: itoa(status) + " to " + to, at: sandbox.AnthropicToken, faults: always(sandbox.Redirect(status, to)),
				code: 4, mints: 1, exchanges: 1, says: []string{itoa(status)}, never: []string{"a=b"}})
		}
		cases = append(cases, remote{name: itoa(status) + " to nowhere", at: sandbox.AnthropicToken, faults: always(sandbox.Fault{Status: status}), code: 4, exchanges: 1})
	}
	c.all(cases)
}

func TestF041F042TheExchangeIsUnavailable(t *testing.T) {
	t.Parallel()
	c := row(t, "F041, F042, F045, F047", "the exchange is unavailable or breaks, once or always: each try with its own assertion")
	var cases []remote
	for _, status := range append([]int{529}, retryable...) {
		cases = append(cases,
			remote{name: itoa(status) + " once", at: sandbox.AnthropicToken, faults: []sandbox.Fault{sandbox.Status(status)}, code: 0, mints: 2, exchanges: 2},
			remote{name: itoa(status) + " always", at: sandbox.AnthropicToken, faults: always(sandbox.Status(status)),
				args: []string{"--timeout", "20s"}, code: 5, mints: 4, exchanges: 4, within: 25 * time.Second, says: []string{itoa(status), "req_"}})
	}
	for name, f := range map[string]sandbox.Fault{
		"reset before the request": sandbox.Reset(sandbox.StageAccept), "reset in the request": sandbox.Reset(sandbox.StageRequest),
		"reset after the request": sandbox.Reset(sandbox.StageAnswer), "reset after the headers": sandbox.Reset(sandbox.StageHeaders),
		"reset in the body": {Stage: sandbox.StageBody, At: 30, Reset: true}, "closed without an answer": {Close: true},
	} {
		cases = append(cases, remote{name: name, at: sandbox.AnthropicToken, faults: []sandbox.Fault{f}, code: 0, mints: 2, exchanges: 2})
	}
	for n := range 20 {
		cases = append(cases, remote{name: "cut after " + itoa(n*12), at: sandbox.AnthropicToken, faults: []sandbox.Fault{sandbox.Truncate(n * 12)}, code: 0, mints: 2, exchanges: 2})
	}
	c.all(cases)
}

func TestF043F056ALateAnswerIsNotUsed(t *testing.T) {
	t.Parallel()
	c := row(t, "F043, F046, F056, F058, U12", "the exchange times out after it was consumed, drips, or speaks another protocol")
	short := []string{"--timeout", "4s"}
	c.all([]remote{
		{name: "consumed, then silent, once", at: sandbox.AnthropicToken, faults: []sandbox.Fault{sandbox.Hang(sandbox.StageAnswer)}, args: []string{"--timeout", "6s"}, code: 0, mints: 2, exchanges: 2},
		{name: "consumed, then silent", at: sandbox.AnthropicToken, faults: always(sandbox.Hang(sandbox.StageAnswer)), args: short, code: 5, within: 7 * time.Second},
		{name: "a drip in time", at: sandbox.AnthropicToken, faults: []sandbox.Fault{sandbox.Drip(40, 50*time.Millisecond)}, code: 0, mints: 1, exchanges: 1},
		{name: "a drip without end", at: sandbox.AnthropicToken, faults: always(sandbox.Drip(1, 500*time.Millisecond)), args: short, code: 5, within: 7 * time.Second},
		{name: "HTTP/2 frames", at: sandbox.AnthropicToken, faults: always(sandbox.Raw("\x00\x00\x12\x04\x00\x00\x00\x00\x00")), args: short, code: 5, within: 8 * time.Second},
		{name: "10,000 answers of 103", at: sandbox.AnthropicToken, faults: always(sandbox.Fault{Informational: 10_000}), args: short, code: 5, within: 8 * time.Second},
		{name: "endless headers", at: sandbox.AnthropicToken, faults: always(sandbox.Fault{Raw: "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: "+strings.Repeat("x", 8000)+"\r\n", 200)}), args: short, code: 5, within: 8 * time.Second},
		{name: "garbage after the answer", at: sandbox.AnthropicToken, faults: []sandbox.Fault{{Append: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"}}, code: 0, mints: 1, exchanges: 1},
	})
}

func TestF044ASpentAssertionIsNotSentAgain(t *testing.T) {
	t.Parallel()
	c := row(t, "F044", "a source that cannot mint: its assertion is sent once, by no process again")
	for _, source := range []string{"file", "env"} {
		w := newWorld(t)
		assertion := w.sb.MintToken(sandbox.Token{Audience: "https://api.anthropic.com"})
		path := filepath.Join(w.home, "token")
		write(t, path, assertion+"\n", 0o600)
		v := w.with("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "AWF_AUTH_TYPE", "MY_TOKEN="+assertion, "AWF_CRED_IDENTITY="+map[string]string{"file": "file:" + path, "env": "env:MY_TOKEN"}[source])
		w.sb.AddFault(sandbox.AnthropicToken, sandbox.Hang(sandbox.StageAnswer))
		r := v.run("token", "--timeout", "4s")
		c.that(r.fails(5), "%s, consumed and timed out: %v", source, r)
		for range 3 {
			r = v.run("token")
			c.that(r.fails(3) && contains(r.err, "already"), "%s, a later run: %v", source, r)
		}
		r = v.run("cache", "clear", "--all")
		c.that(r.code == 0, "%v", r)
		r = v.run("token", "--cache", "none")
		c.that(r.fails(3), "%s, after a clear, without a cache: %v", source, r)
		got := w.sb.Counts()
		c.that(got.Exchanges == 1 && got.Replays == 0, "%s: %d exchanges, %d replays", source, got.Exchanges, got.Replays)

		// A refused dial wastes nothing.
		second := w.sb.MintToken(sandbox.Token{Audience: "https://api.anthropic.com"})
		write(t, path, second, 0o600)
		v = v.with("MY_TOKEN=" + second)
		r = v.with("AWF_AUTH_ANTHROPIC_TOKEN_URL=http://127.0.0.1:1/").run("token", "--timeout", "3s")
		c.that(r.fails(5), "%s, a refused dial: %v", source, r)
		r = v.run("token")
		_, ok := r.token()
		c.that(ok, "%s, after it: %v", source, r)
	}
}

// hostileTexts are what a server may try on a terminal, a shell, a log or a runner.
var hostileTexts = map[string]string{
	"a line of its own": "x\n::set-env name=PATH::/tmp/evil", "a mask": "x\r\n::add-mask::y", "percent": "%0A::error::x", "ANSI": "\x1b[2J\x1b]0;x\x07",
	"a hyperlink": "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", "bidi": "\u202egnp.exe\u2066", "line separator": "a\u2028::warning::b",
	"shell": "$(touch /tmp/evil)`id`;'\"", "8 bit": "\x9b2J\xff\xfe", "NUL": "a\x00b",
}

func TestU02HostileTextIsQuoted(t *testing.T) {
	t.Parallel()
	c := row(t, "U02, T15, T22, T25", "hostile text in an error, a header, a request id: quoted, cut and scrubbed")
	jwt := segment(`{"alg":"RS256"}`) + "." + segment(`{"sub":"x"}`) + ".c2lnbmF0dXJl"
	texts := map[string]string{"a JWT": jwt, "a key": "sk-ant-api03-abcdefghijklmnop", "a bearer": "Bearer abcdefghijklmnopqrstuvwxyz", "1 MiB": strings.Repeat("x", 900<<10)}
	for name, text := range hostileTexts {
		texts[name] = text
	}
	var cases []remote
	for name, text := range texts {
		for _, status := range []int{400, 401, 500} {
			for _, edition := range []string{
				fmt.Sprintf(`{"error":%s,"error_description":%s,"error_uri":%s}`, jsonString(text), jsonString(text), jsonString(text)),
				fmt.Sprintf(`{"type":"error","error":{"type":%s,"message":%s},"request_id":%s}`, jsonString(text), jsonString(text), jsonString(text)),
			} {
				header := http.Header{}
				code := 4
				if status == 500 {
					code = 5
				}
				if !strings.ContainsAny(text, "\r\n\x00") && len(text) < 4096 {
					header = http.Header{"Request-Id": {text}, "Retry-After": {text}, "Server": {text}, "Www-Authenticate": {text}}
					if strings.ContainsAny(text, "\x1b") { // RFC 9110 section 5.5: no field value, so no answer in HTTP
						code = 5
					}
				}
				cases = append(cases, remote{name: fmt.Sprintf("%s in %d", name, status), at: sandbox.AnthropicToken, args: []string{"--timeout", "3s"},
					faults: always(sandbox.Fault{Status: status, Body: edition, Header: header}), code: code, never: []string{"sk-ant-", "c2lnbmF0dXJl", "Bearer abcdef", strings.Repeat("x", 600)}})
			}
		}
	}
	if !full {
		cases = cases[:len(cases)/4]
	}
	c.all(cases)
}

func grant(token, more string) string {
	return fmt.Sprintf(`{"access_token":%s,"token_type":"Bearer","expires_in":600%s}`, token, more)
}

func TestU01TheTokenIsNoToken(t *testing.T) {
	t.Parallel()
	c := row(t, "U01, T23, T26, F048-F051", "200 with a token, type or lifetime that cannot be used: class 4, nothing printed or stored")
	var cases []remote
	refuse := func(name, body string) {
		cases = append(cases, remote{name: name, at: sandbox.AnthropicToken, faults: always(sandbox.Fault{Status: 200, Body: body}), code: 4, exchanges: 1, never: []string{"canary"}})
	}
	for name, token := range map[string]string{
		"CR": "canary\r", "LF": "canary\nx", "NUL": "canary\x00", "blank": "can ary canary", "quote": `canary"`, "command": "canary$(id)", "backtick": "canary`id`",
		"percent": "canary%0A", "ESC": "canary\x1b[0m", "8 bit": "canary\u00e9", "leading blank": " canary", "trailing blank": "canary ",
		"16 KiB and 1": strings.Repeat("t", 16<<10+1), "heredoc": "canary<<EOF", "comma": "canary,canary", "empty": "",
	} {
		refuse("token with "+name, grant(jsonString(token), ""))
	}
	for name, body := range map[string]string{
		"token null": grant("null", ""), "token a number": grant("7", ""), "no token": `{"token_type":"Bearer","expires_in":600}`,
		"no type": `{"access_token":"canary","expires_in":600}`, "type mac": `{"access_token":"canary","token_type":"mac","expires_in":600}`,
		"no lifetime": `{"access_token":"canary","token_type":"Bearer"}`, "lifetime 0": `{"access_token":"canary","token_type":"Bearer","expires_in":0}`,
		"lifetime -1": `{"access_token":"canary","token_type":"Bearer","expires_in":-1}`, "lifetime a string": `{"access_token":"canary","token_type":"Bearer","expires_in":"3600"}`,
		"lifetime null": `{"access_token":"canary","token_type":"Bearer","expires_in":null}`, "HTML": "<html>canary</html>", "an array": "[]", "null": "null",
		"deep nesting": strings.Repeat("[", 100_000), "NUL": "{\x00}", "not UTF-8": "{\"a\":\"\xff\xfe\"}", "an error under 200": `{"error":"invalid_grant"}`,
		"two values": grant(`"sk-ant-oat01-canary"`, "") + grant(`"sk-ant-oat01-canary"`, ""),
	} {
		refuse(name, body)
	}
	cases = append(cases,
		remote{name: "empty", at: sandbox.AnthropicToken, faults: always(sandbox.Fault{Status: 200, NoBody: true}), code: 4, exchanges: 1},
		remote{name: "1 MiB and 1", at: sandbox.AnthropicToken, faults: always(sandbox.Fault{Status: 200, BodySize: 1<<20 + 1}), code: 4, exchanges: 1},
		remote{name: "gzip unasked", at: sandbox.AnthropicToken, faults: always(sandbox.Fault{Status: 200, Body: "\x1f\x8b\x08", Header: http.Header{"Content-Encoding": {"gzip"}}}), code: 4, exchanges: 1},
		remote{name: "a token under 400", at: sandbox.AnthropicToken, faults: always(sandbox.Fault{Status: 400, Body: grant(`"sk-ant-oat01-canary"`, "")}), code: 4, exchanges: 1})
	for name, body := range map[string]string{
		"type bearer": `{"access_token":"sk-ant-oat01-a","token_type":"bearer","expires_in":600}`, "type BEARER": `{"access_token":"sk-ant-oat01-a","token_type":"BEARER","expires_in":600}`,
		"lifetime 3600.5": `{"access_token":"sk-ant-oat01-a","token_type":"Bearer","expires_in":3600.5}`, "unknown fields": grant(`"sk-ant-oat01-a"`, `,"x":{"y":[1]}`),
	} {
		cases = append(cases, remote{name: name, at: sandbox.AnthropicToken, faults: always(sandbox.Fault{Status: 200, Body: body}), code: 0, exchanges: 1})
	}
	cases = append(cases,
		remote{name: "10 years", at: sandbox.AnthropicToken, faults: always(sandbox.Fault{Status: 200, Body: `{"access_token":"sk-ant-oat01-a","token_type":"Bearer","expires_in":315360000}`}), code: 0, says: []string{"24"}},
		remote{name: "1e308", at: sandbox.AnthropicToken, faults: always(sandbox.Fault{Status: 200, Body: `{"access_token":"sk-ant-oat01-a","token_type":"Bearer","expires_in":1e308}`}), code: 0, says: []string{"24"}},
		remote{name: "wrong Content-Type", at: sandbox.AnthropicToken, faults: always(sandbox.Fault{Status: 200, Body: grant(`"sk-ant-oat01-a"`, ""), Header: http.Header{"Content-Type": {"text/html"}}}), code: 0})
	c.all(cases)
}

func TestU09ATokenThatEqualsTheAssertion(t *testing.T) {
	t.Parallel()
	c := row(t, "U09", "the access token is the assertion itself: class 4")
	w := newWorld(t)
	assertion := w.sb.MintToken(sandbox.Token{Audience: "https://api.anthropic.com"})
	path := filepath.Join(w.home, "token")
	require.NoError(t, os.WriteFile(path, []byte(assertion), 0o600))
	w.sb.AddFault(sandbox.AnthropicToken, sandbox.Fault{Status: 200, Body: grant(jsonString(assertion), "")})
	r := w.with("AWF_AUTH_TYPE").run("token", "--identity", "file:"+path)
	c.that(r.fails(4) && !contains(r.err, assertion[:40]), "%v", r)
}
