//go:build linux

package chaos

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

var retryable = []int{408, 425, 429, 500, 502, 503, 504}

func TestF020F021F022TheMintRefuses(t *testing.T) {
	t.Parallel()
	c := row(t, "F020, F021, F022, T16", "the mint's variables are missing, or it refuses")
	cases := []remote{
		{name: "no url", env: []string{"ACTIONS_ID_TOKEN_REQUEST_URL"}, code: 3, exchanges: -1, says: []string{"id-token: write", "fork"}},
		{name: "no token", env: []string{"ACTIONS_ID_TOKEN_REQUEST_TOKEN"}, code: 3, exchanges: -1, says: []string{"id-token: write"}},
		{name: "neither", env: []string{"ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"}, code: 3, exchanges: -1, says: []string{"id-token: write", "fork"}},
		{name: "blank url", env: []string{"ACTIONS_ID_TOKEN_REQUEST_URL=  "}, code: 3, exchanges: -1, says: []string{"id-token: write"}},
		{name: "blank token", env: []string{"ACTIONS_ID_TOKEN_REQUEST_TOKEN= "}, code: 3, exchanges: -1, says: []string{"id-token: write"}},
		{name: "403 once", at: sandbox.Mint, faults: []sandbox.Fault{sandbox.Status(403)}, code: 0, mints: 2, exchanges: 1},
		{name: "403 always", at: sandbox.Mint, faults: []sandbox.Fault{sandbox.Status(403).Always()}, code: 3, mints: 3, exchanges: -1, says: []string{"403"}},
	}
	for _, status := range []int{400, 401, 404} {
		cases = append(cases, remote{name: itoa(status), at: sandbox.Mint, faults: []sandbox.Fault{sandbox.Status(status).Always()},
			code: 3, mints: 1, exchanges: -1, says: []string{itoa(status)}})
	}
	c.all(cases)
}

func TestF023F024TheMintIsUnavailable(t *testing.T) {
	t.Parallel()
	c := row(t, "F023, F024, F025", "the mint is unavailable once, or always; Retry-After")
	var cases []remote
	for _, status := range retryable {
		cases = append(cases,
			remote{name: itoa(status) + " once", at: sandbox.Mint, faults: []sandbox.Fault{sandbox.Status(status)}, code: 0, mints: 2, exchanges: 1},
			remote{name: itoa(status) + " always", at: sandbox.Mint, faults: []sandbox.Fault{sandbox.Status(status).Always()},
				args: []string{"--timeout", "20s"}, code: 5, mints: 5, exchanges: -1, within: 25 * time.Second, says: []string{itoa(status)}})
	}
	for _, after := range []string{"1", "1000000000", "-1", "Mon, 02 Jan 2006 15:04:05 GMT", "Fri, 01 Jan 2099 00:00:00 GMT", "soon", "1e9", "\u0661"} {
		cases = append(cases, remote{name: "Retry-After " + after, at: sandbox.Mint,
			faults: []sandbox.Fault{{Status: 503, Header: http.Header{"Retry-After": {after}}, Times: -1}},
			args:   []string{"--timeout", "4s"}, code: 5, exchanges: -1, within: 8 * time.Second, says: []string{"503"}})
	}
	c.all(cases)
}

func TestF026F029TheMintBreaks(t *testing.T) {
	t.Parallel()
	c := row(t, "F026, F027, F028, F029, U04", "the mint cannot be reached, says nothing, drips, or is cut")
	short := []string{"--timeout", "4s"}
	always := func(f sandbox.Fault) []sandbox.Fault { return []sandbox.Fault{f.Always()} }
	c.all([]remote{
		{name: "no such host", env: []string{"ACTIONS_ID_TOKEN_REQUEST_URL=https://no-such-host.invalid/x"}, args: short, code: 5, within: 8 * time.Second, says: []string{"no-such-host.invalid"}},
		{name: "refused", env: []string{"ACTIONS_ID_TOKEN_REQUEST_URL=http://127.0.0.1:1/x"}, args: short, code: 5, within: 8 * time.Second, says: []string{"127.0.0.1"}},
		{name: "reset after accept", at: sandbox.Mint, faults: always(sandbox.Reset(sandbox.StageAccept)), args: short, code: 5, within: 8 * time.Second},
		{name: "reset after the request", at: sandbox.Mint, faults: always(sandbox.Reset(sandbox.StageAnswer)), args: short, code: 5, within: 8 * time.Second},
		{name: "says nothing", at: sandbox.Mint, faults: always(sandbox.Hang(sandbox.StageAnswer)), args: short, code: 5, within: 7 * time.Second},
		{name: "one byte a second", at: sandbox.Mint, faults: always(sandbox.Drip(1, time.Second)), args: short, code: 5, within: 7 * time.Second},
		{name: "cut", at: sandbox.Mint, faults: always(sandbox.Truncate(20)), args: short, code: 5, within: 8 * time.Second},
		{name: "cut in a chunk", at: sandbox.Mint, faults: always(sandbox.Fault{Raw: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n{\"val"}), args: short, code: 5, within: 8 * time.Second},
		{name: "cut once", at: sandbox.Mint, faults: []sandbox.Fault{sandbox.Truncate(20)}, code: 0, mints: 2},
		{name: "1,000 answers of 103", at: sandbox.Mint, faults: always(sandbox.Fault{Informational: 1000}), args: short, code: 5, within: 8 * time.Second},
		{name: "endless headers", at: sandbox.Mint, faults: always(sandbox.Fault{Raw: "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-A: "+strings.Repeat("x", 8000)+"\r\n", 200)}), args: short, code: 5, within: 8 * time.Second},
	})
}

func segment(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }

func TestF030TheMintAnswersNonsense(t *testing.T) {
	t.Parallel()
	c := row(t, "F030", "200 of the mint that is no identity token")
	bodies := map[string]string{
		"HTML": "<html>login</html>", "{}": "{}", `value ""`: `{"value":""}`, "value null": `{"value":null}`, "a number": `{"value":7}`,
		"not a JWT": `{"value":"abc"}`, "3 dots": `{"value":"a.b.c.d"}`, "bad base64": `{"value":"!!.??.##"}`,
		"a payload that is no JSON":      `{"value":"` + segment(`{"alg":"RS256"}`) + "." + segment("hello") + `.c2ln"}`,
		"a payload that is an array":     `{"value":"` + segment(`{"alg":"RS256"}`) + "." + segment("[1]") + `.c2ln"}`,
		"a value with a line of its own": `{"value":"a\n::set-env name=X::y"}`, "not closed": `{"value":"`, "an array": `[]`, "null": `null`,
	}
	var cases []remote
	for name, body := range bodies {
		cases = append(cases, remote{name: name, at: sandbox.Mint, faults: []sandbox.Fault{sandbox.Fault{Status: 200, Body: body}.Always()},
			code: 3, mints: 1, exchanges: -1})
	}
	cases = append(cases,
		remote{name: "empty", at: sandbox.Mint, faults: []sandbox.Fault{sandbox.Fault{Status: 200, NoBody: true}.Always()}, code: 3, mints: 1, exchanges: -1},
		remote{name: "2 MiB", at: sandbox.Mint, faults: []sandbox.Fault{sandbox.Fault{Status: 200, BodySize: 2 << 20}.Always()}, code: 3, mints: 1, exchanges: -1})
	c.all(cases)
}

func TestF031TheIdentityTokenIsNotUsable(t *testing.T) {
	t.Parallel()
	c := row(t, "F031", "an identity token that is expired, early, for others or too big is not sent")
	now := time.Now().Unix()
	jwt := func(claims string) string {
		return `{"value":"` + segment(`{"alg":"RS256","kid":"k"}`) + "." + segment(claims) + `.c2ln"}`
	}
	aud := `"iss":"https://i","sub":"s","jti":"j","aud":"https://api.anthropic.com"`
	var cases []remote
	for _, one := range []struct{ name, body, says string }{
		{"expired", jwt(fmt.Sprintf(`{%s,"exp":%d}`, aud, now-7200)), "exp"},
		{"not yet", jwt(fmt.Sprintf(`{%s,"nbf":%d,"exp":%d}`, aud, now+600, now+900)), "nbf"},
		{"no exp", jwt(`{` + aud + `}`), "exp"},
		{"exp a string", jwt(fmt.Sprintf(`{%s,"exp":"%d"}`, aud, now+300)), "exp"},
		{"another audience", jwt(fmt.Sprintf(`{"iss":"https://i","sub":"s","aud":"https://evil.test","exp":%d}`, now+300)), "aud"},
		{"17 KiB", jwt(fmt.Sprintf(`{%s,"exp":%d,"x":%q}`, aud, now+300, strings.Repeat("x", 17<<10))), "16"},
	} {
		cases = append(cases, remote{name: one.name, at: sandbox.Mint, faults: []sandbox.Fault{sandbox.Fault{Status: 200, Body: one.body}.Always()},
			code: 3, exchanges: -1, says: []string{one.says}})
	}
	c.all(cases)
}
