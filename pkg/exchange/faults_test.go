package exchange_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

func quoteJSON(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s)
	return strings.TrimSpace(b.String())
}

func escapeXML(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

const token = "sandbox-token.abc_DEF-123"

func TestASuccess(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		c := v.granted(t, raw(200, v.id+": id-1\r\n", v.grant(token, 600)))
		assert.Equal(t, token, v.secret(c))
		assert.Equal(t, now, c.IssuedAt)
		assert.Equal(t, now.Add(10*time.Minute), c.ExpiresAt)
		assert.Equal(t, "id-1", c.RequestID)
		assert.Empty(t, c.Warning)
		assert.False(t, c.NoStore)
	})
}

// F040: the vendor's final codes, and final statuses without one.
func TestFinalRefusals(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		require.NotEmpty(t, v.final)
		for _, c := range v.final {
			e := v.refused(t, raw(c.status, v.id+": id-1\r\n", v.refusal(c.code, "said so")))
			assert.ErrorIs(t, e, exchange.Refused, c)
			assert.Zero(t, e.Retries, c)
			assert.Equal(t, c.status, e.Status)
			assert.Contains(t, e.Error(), c.code)
			assert.Contains(t, e.Error(), "said so")
			assert.Contains(t, e.Error(), fmt.Sprintf("HTTP %d", c.status))
			assert.Equal(t, "id-1", e.RequestID)
			assert.False(t, e.Unsent)
			assert.NotEmpty(t, e.Hint, c)
		}
		for _, status := range []int{204, 206, 304, 400, 401, 403, 404, 405, 413, 415, 422, 451, 499} {
			e := v.refused(t, raw(status, "Retry-After: 1\r\n", ""))
			assert.ErrorIs(t, e, exchange.Refused, status)
			assert.Zero(t, e.Retries, status)
			assert.NotEmpty(t, e.Hint, status)
		}
		e := v.refused(t, raw(404, "", ""))
		assert.Contains(t, e.Hint, "_TOKEN_URL", "the settings of the endpoint")
	})
}

// F041 and F042, one attempt of it: each says that a later attempt can help.
func TestPassingFailures(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		for _, status := range []int{408, 425, 429, 500, 502, 503, 504, 529} {
			e := v.refused(t, raw(status, "Retry-After: 7\r\n", "<html>"))
			assert.ErrorIs(t, e, exchange.Unavailable, status)
			assert.Equal(t, exchange.RetryAlways, e.Retries, status)
			assert.Equal(t, status, e.Status)
			assert.Equal(t, 7*time.Second, e.RetryAfter)
			assert.False(t, e.Unsent)
			assert.NotEmpty(t, e.Hint, status)
		}
		for _, c := range v.again {
			e := v.refused(t, raw(c.status, "", v.refusal(c.code, "later")))
			assert.ErrorIs(t, e, exchange.Unavailable, c)
			assert.Equal(t, exchange.RetryAlways, e.Retries, c)
			assert.NotEmpty(t, e.Hint, c)
		}
		for _, c := range v.once {
			e := v.refused(t, raw(c.status, "", v.refusal(c.code, "once more")))
			assert.ErrorIs(t, e, exchange.Refused, c)
			assert.Equal(t, 1, e.Retries, c)
			assert.NotEmpty(t, e.Hint, c)
		}
		there := now.Add(time.Hour)
		e := v.refused(t, strings.Replace(raw(503, "Retry-After: "+there.Add(9*time.Second).Format(http.TimeFormat)+"\r\n", ""),
			"Date: "+now.Format(http.TimeFormat), "Date: "+there.Format(http.TimeFormat), 1))
		assert.Equal(t, 9*time.Second, e.RetryAfter, "a date counts from the Date of the answer")
	})
}

// F026 and F045: what breaks before the request says that nothing was sent.
func TestBrokenConnections(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		nobody := httptest.NewServer(nil)
		nobody.Close()
		_, err := v.at(t, nobody.URL).Exchange(t.Context(), assertion())
		e := failure(t, err)
		assert.ErrorIs(t, err, exchange.Unavailable)
		assert.True(t, e.Unsent)
		assert.Equal(t, exchange.RetryAlways, e.Retries)
		assert.Contains(t, e.Error(), "connection refused")

		whole := raw(200, "", v.grant(token, 60))
		for _, answer := range []string{"", "HTTP/1.1 200 OK\r\n", whole[:strings.Index(whole, "\r\n\r\n")+4], whole[:len(whole)-1]} {
			e := v.refused(t, answer)
			assert.ErrorIs(t, e, exchange.Unavailable, answer)
			assert.Equal(t, exchange.RetryAlways, e.Retries)
			assert.False(t, e.Unsent, "the assertion counts as spent")
		}
	})
}

// F047: an answer cut at any byte of its body is never a shortened token.
func TestTruncation(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		body := v.grant(token, 600)
		head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body))
		chunked := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		cut := make(map[int]string)
		ep := listen(t, func(n int) string { return cut[n] })
		for n := range body {
			cut[2*n] = head + body[:n]
			cut[2*n+1] = chunked + fmt.Sprintf("%x\r\n%s", len(body), body[:n])
		}
		cut[2*len(body)] = chunked + fmt.Sprintf("%x\r\n%s\r\n", len(body), body) // no last chunk
		x := v.at(t, ep.URL)
		for range 2*len(body) + 1 {
			_, err := x.Exchange(t.Context(), assertion())
			e := failure(t, err)
			require.ErrorIs(t, err, exchange.Unavailable)
			require.Equal(t, exchange.RetryAlways, e.Retries)
			require.Equal(t, 200, e.Status)
		}
	})
}

// F048: garbage under 200.
func TestGarbage(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		good := v.grant(token, 600)
		for name, body := range map[string]string{
			"HTML": "<html><body>hello</body></html>", "nothing": "", "blanks": " \n", "an array": "[]", "null": "null", "a number": "1",
			"NUL": strings.Replace(good, token, token+"\x00", 1), "invalid UTF-8": strings.Replace(good, token, token+"\xff", 1),
			"a byte order mark and more": "\ufeff" + good + "x", "deep JSON": strings.Repeat(`{"a":`, 100_000),
			"deep XML": strings.Repeat("<a>", 100_000), "1 MiB and a byte": good + strings.Repeat(" ", 1<<20),
			"twice": good + good, "the same key twice": strings.Replace(good, `{"access_token":`, `{"access_token":"other","access_token":`, 1),
		} {
			if v.name == "aws" && name == "the same key twice" {
				body = strings.Replace(good, "<SessionToken>", "<SessionToken>other</SessionToken><SessionToken>", 1)
			}
			e := v.refused(t, raw(200, "", body))
			assert.ErrorIs(t, e, exchange.Refused, name)
			assert.Zero(t, e.Retries, name)
			assert.Equal(t, 200, e.Status, name)
			if name != "1 MiB and a byte" {
				assert.Contains(t, e.Hint, "is the endpoint the right one", name)
			}
		}
		e := v.refused(t, raw(200, "Content-Encoding: gzip\r\n", good))
		assert.ErrorIs(t, e, exchange.Refused)
		assert.Contains(t, e.Error(), "compressed")
		e = v.refused(t, raw(503, "Content-Encoding: gzip\r\n", good))
		assert.ErrorIs(t, e, exchange.Unavailable, "the status is understood without the body")
		v.granted(t, strings.Replace(raw(200, "", good), "application/json", "text/html", 1)) // the type is not believed
	})
}

// F049: the status decides; under 200 the token does.
func TestBodyOfTheOtherKind(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		for _, status := range []int{400, 401, 403} {
			assert.ErrorIs(t, v.refused(t, raw(status, "", v.grant(token, 600))), exchange.Refused)
		}
		assert.ErrorIs(t, v.refused(t, raw(500, "", v.grant(token, 600))), exchange.Unavailable)
		code := v.final[0].code
		e := v.refused(t, raw(200, "", v.refusal(code, "no")))
		assert.ErrorIs(t, e, exchange.Refused)
		assert.Contains(t, e.Error(), code, "the vendor's code is named")
		assert.Regexp(t, v.token+" is absent|Credentials is absent", e.Error(), "and the field at fault")
	})
}

// F050.
func TestTokenType(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		if v.raw == nil {
			return // has no token_type
		}
		for _, kind := range []string{"", `"mac"`, `""`, "null", "1", `"Bearer "`, `"DPoP"`} {
			e := v.refused(t, raw(200, "", v.raw(token, kind, "600")))
			assert.ErrorIs(t, e, exchange.Refused, kind)
			assert.Contains(t, e.Error(), "token_type", kind)
		}
		for _, kind := range []string{`"bearer"`, `"BEARER"`, `"Bearer"`} {
			v.granted(t, raw(200, "", v.raw(token, kind, "600")))
		}
	})
}

// F051 and T26.
func TestLifetime(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		for _, seconds := range []int{1, 59, 60, 61, 3600, 86400} {
			c := v.granted(t, raw(200, "", v.grant(token, seconds)))
			assert.Equal(t, time.Duration(seconds)*time.Second, c.Lifetime())
			assert.Empty(t, c.Warning)
		}
		c := v.granted(t, raw(200, "", v.grant(token, 10*365*86400)))
		assert.Equal(t, 24*time.Hour, c.Lifetime(), "ten years are cut to a day")
		assert.Contains(t, c.Warning, v.name)
		for _, seconds := range []int{0, -1, -3600} {
			assert.ErrorIs(t, v.refused(t, raw(200, "", v.grant(token, seconds))), exchange.Refused, seconds)
		}
		if v.raw == nil {
			return
		}
		for expires, want := range map[string]time.Duration{"3600.9": 3600 * time.Second, "1e308": 24 * time.Hour, "6e2": 10 * time.Minute, "86400.5": 24 * time.Hour, "1.0": time.Second} {
			assert.Equal(t, want, v.granted(t, raw(200, "", v.raw(token, `"Bearer"`, expires))).Lifetime(), expires)
		}
		for _, expires := range []string{"0.9", "null", `""`, `"1h"`, `" 600"`, `"-600"`, `"6e2"`, "true", "[600]", "1e400", "-1e308", `"0"`} {
			e := v.refused(t, raw(200, "", v.raw(token, `"Bearer"`, expires)))
			assert.ErrorIs(t, e, exchange.Refused, expires)
			assert.Contains(t, e.Error(), "expires_in")
		}
		if v.digits {
			assert.Equal(t, time.Hour, v.granted(t, raw(200, "", v.raw(token, `"Bearer"`, `"3600"`))).Lifetime())
		} else {
			assert.ErrorIs(t, v.refused(t, raw(200, "", v.raw(token, `"Bearer"`, `"3600"`))), exchange.Refused)
		}
		absent := raw(200, "", v.raw(token, `"Bearer"`, ""))
		if v.unnamed {
			c := v.granted(t, absent)
			assert.True(t, c.NoStore, "handed out, not kept")
			assert.Equal(t, c.IssuedAt, c.ExpiresAt)
		} else {
			assert.ErrorIs(t, v.refused(t, absent), exchange.Refused)
		}
	})
}

// F055 and T24: no redirect is followed, and only its host is shown.
func TestRedirects(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		trap := listen(t, always(raw(200, "", v.grant(token, 600))))
		for _, status := range []int{301, 302, 303, 307, 308} {
			for _, location := range []string{"Location: " + trap.URL + "/steal?jwt=" + jwt, "Location: https://evil.test/" + jwt, "Location: /else", "Location: ://", "X: none"} {
				e := v.refused(t, raw(status, location+"\r\n", ""))
				assert.ErrorIs(t, e, exchange.Refused)
				assert.Zero(t, e.Retries)
				assert.Contains(t, e.Error(), "redirects")
				assert.NotContains(t, e.Error(), "steal")
				assert.Equal(t, strings.Contains(location, "evil.test"), strings.Contains(e.Error(), "to the host evil.test"))
			}
		}
		assert.Empty(t, trap.received())
	})
}

// F056: an answer after the deadline is not an answer.
func TestTheDeadline(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		gate := make(chan struct{})
		e := listen(t, func(int) string { <-gate; return raw(200, "", v.grant(token, 600)) })
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := v.at(t, e.URL).Exchange(ctx, assertion())
		close(gate)
		f := failure(t, err)
		assert.ErrorIs(t, err, exchange.Unavailable)
		assert.False(t, f.Unsent)
		assert.Contains(t, f.Error(), "no answer in time")
	})
}

// F057 and F100: a skew is named in an error and never prolongs a credential.
func TestClockSkew(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		for offset, want := range map[time.Duration]string{
			29 * time.Second: "", -29 * time.Second: "", 31 * time.Second: "31s behind", -6 * time.Minute: "6m0s ahead of", 24 * time.Hour: "24h0m0s behind",
		} {
			date := "Date: " + now.Add(offset).Format(http.TimeFormat)
			answer := strings.Replace(raw(401, "", ""), "Date: "+now.Format(http.TimeFormat), date, 1)
			text := v.refused(t, answer).Error()
			if want == "" {
				assert.NotContains(t, text, "clock")
			} else {
				assert.Contains(t, text, ": this machine's clock is "+want+" the server's", "no brackets where nothing else is said")
			}
			answer = strings.Replace(raw(200, "", v.grant(token, 600)), "Date: "+now.Format(http.TimeFormat), date, 1)
			if v.name == "aws" { // an absolute time is judged by that clock
				answer = strings.Replace(answer, now.Add(10*time.Minute).Format(time.RFC3339), now.Add(offset+10*time.Minute).Format(time.RFC3339), 1)
			}
			assert.Equal(t, now.Add(10*time.Minute), v.granted(t, answer).ExpiresAt, offset)
		}
		for _, date := range []string{"Date: garbage", "X: no date"} {
			answer := strings.Replace(raw(200, "", v.grant(token, 600)), "Date: "+now.Format(http.TimeFormat), date, 1)
			assert.Equal(t, now.Add(10*time.Minute), v.granted(t, answer).ExpiresAt)
		}
	})
}

// F058 and U04.
func TestHostileHeads(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		for name, answer := range map[string]string{
			"HTTP/2 frames":              "\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\r\n\r\n",
			"10,000 interim answers":     strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 10_000) + raw(200, "", v.grant(token, 600)),
			"100 header lines of 8 KiB":  raw(200, strings.Repeat("X: "+strings.Repeat("a", 8<<10)+"\r\n", 100), v.grant(token, 600)),
			"a header block without end": "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 100_000),
		} {
			assert.ErrorIs(t, v.refused(t, answer), exchange.Unavailable, name)
		}
	})
}

// U01 and T23: only characters of a bearer token make one.
func TestTokensThatAreNone(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		for _, bad := range []string{
			"", "tok canary", "tok\ncanary", "tok\r\ncanary", `tok"canary`, "tok'canary", "$(canary)", "`canary`", "tok%0Acanary", "tokäcanary",
			" tok-canary", "tok-canary ", "tok\tcanary", strings.Repeat("a", 16<<10+1),
		} {
			e := v.refused(t, raw(200, "", v.grant(bad, 600)))
			assert.ErrorIs(t, e, exchange.Refused, "%.20q", bad)
			assert.Contains(t, e.Error(), v.token)
			assert.NotContains(t, e.Error(), "canary")
		}
		v.granted(t, raw(200, "", v.grant(strings.Repeat("a", 16<<10), 600)))
		v.granted(t, raw(200, "", v.grant("aZ09._~+/=-", 600)))
	})
}

// U02 and T25: nothing that a server says acts on a terminal, a log or a runner,
// and no echo of the assertion gets through.
func TestHostileText(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		for _, text := range []string{
			"\x1b[31mred\x1b]8;;http://evil.test\x07link", "a\u202eb\u2028c", "::set-env name=PATH::/evil", "x\n::add-mask::y", "##[error]x",
			"your token was " + jwt, jwt[:len(jwt)/2], "Bearer " + jwt, "sk-ant-oat01-canary", strings.Repeat("long ", 100_000),
		} {
			for _, status := range []int{400, 401, 500, 200} {
				body := strings.ReplaceAll(v.refusal("code", text), "\x1b", "?")
				if v.name != "aws" {
					body = v.refusal("code", text)
				}
				e := v.refused(t, raw(status, "", body))
				assert.NotContains(t, e.Error(), "sk-ant-oat01-canary")
				assert.NotContains(t, e.Error(), "##[")
				assert.False(t, strings.HasPrefix(e.Description, "::"))
				assert.LessOrEqual(t, len([]rune(e.Description)), 512)
			}
		}
		e := v.refused(t, raw(400, v.id+": "+jwt+"\r\nServer: "+jwt+"\r\n", v.refusal(strings.ReplaceAll(jwt, ".", "_"), jwt)))
		assert.NotEmpty(t, e.RequestID)
	})
}

// U05, U08 and U09.
func TestHarmlessAdditions(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		body := v.grant(token, 600)
		if v.raw != nil {
			body = strings.Replace(body, "{", `{"scope":"a wider\nscope","id_token":"x","refresh_in":1,"future":{"a":[1]},`, 1)
		} else {
			body = strings.Replace(body, "<ResponseMetadata>", "<Future><A>1</A></Future><ResponseMetadata>", 1)
		}
		c := v.granted(t, raw(200, "Set-Cookie: a=b\r\nAlt-Svc: h3=\":443\"\r\nRefresh: 0; url=http://evil.test\r\nWWW-Authenticate: Bearer realm=\"x\"\r\n", body))
		assert.Equal(t, token, v.secret(c))
		if v.raw != nil {
			assert.Equal(t, `a wider\nscope`, c.Scope)
		}
		e := v.refused(t, raw(200, "", v.grant(jwt, 600)))
		assert.ErrorIs(t, e, exchange.Refused)
		assert.Contains(t, e.Error(), v.token+" is the assertion itself")
	})
}

// U11: a certificate that does not verify is tried once and sees nothing.
func TestCertificates(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		called := false
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		defer s.Close()
		_, err := v.at(t, s.URL).Exchange(t.Context(), assertion())
		e := failure(t, err)
		assert.ErrorIs(t, err, exchange.Unavailable)
		assert.Zero(t, e.Retries)
		assert.True(t, e.Unsent)
		assert.Contains(t, e.Error(), "certificate")
		assert.Contains(t, e.Hint, "--ca-file")
		assert.False(t, called)
	})
}

// T31: an endpoint over plain http is not one.
func TestPlainEndpoints(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		for _, url := range []string{"http://h.test/", "http://127.0.0.1.evil.test", "http://127.0.0.1@evil.test", "https://u:p@h.test"} {
			_, err := v.build(url, http.DefaultClient)
			assert.ErrorIs(t, err, exchange.Usage, url)
			assert.ErrorContains(t, err, "token_url")
		}
	})
}

// A client that follows redirects by itself gets nothing to repeat.
func TestAClientThatFollowsRedirects(t *testing.T) {
	eachVendor(t, func(t *testing.T, v vendor) {
		trap := listen(t, always(raw(200, "", v.grant(token, 600))))
		e := listen(t, always(raw(307, "Location: "+trap.URL+"\r\n", "")))
		transport := &http.Transport{DisableKeepAlives: true}
		x, err := v.build(e.URL, &http.Client{Transport: transport})
		require.NoError(t, err)
		_, err = x.Exchange(t.Context(), assertion())
		assert.ErrorIs(t, err, exchange.Refused)
		assert.Empty(t, trap.received())
	})
}
