package hostile

import (
	"errors"
	"fmt"
	"strings"
)

// credentialsElsewhere is the rows H400 to H425.
func credentialsElsewhere() []Case {
	// query is a case whose parameters before the arrow become those behind it.
	query := func(name, sent, want string) Case {
		return Case{Name: name, Want: served, Tries: []Try{
			{Raw: post("/v1/messages?" + sent), Target: join("/v1/messages", want), Keep: arrived, Body: body, Exactly: true},
			{Raw: get("/v1/models?a=%41&" + sent + "&z=1+2"), Target: join("/v1/models", join2("a=%41", want, "z=1+2")), Keep: arrived, Exactly: true},
		}}
	}
	many := strings.Repeat("p=1&", 10_000)
	all := row(400,
		query("key in the query", "key={canary}", ""),
		query("api_key in the query", "api_key={canary}", ""),
		query("api-key in the query", "api-key={canary}", ""),
		query("apikey in the query", "apikey={canary}", ""),
		query("access_token in the query", "access_token={canary}", ""),
		query("token in the query", "token={canary}", ""),
		query("authorization in the query", "authorization=Bearer%20{canary}", ""),
		query("a presigned set in the query", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={canary}%2F20260102&b=2&X-Amz-Date=20260102T030405Z"+
			"&X-Amz-Expires=60&X-Amz-Security-Token={canary}&X-Amz-SignedHeaders=host&x-amz-Signature={canary}", "b=2"),
		query("x-goog-api-key in the query", "x-goog-api-key={canary}", ""),
		query("Signature in the query", "Signature={canary}", ""),
		query("KEY in upper case", "KEY={canary}", ""),
		query("key with an encoded letter", "k%65y={canary}&%4bE%59={canary}", ""),
		query("key twice", "key={canary}&b=2&key={canary}", "b=2"),
		Case{Name: "key after a semicolon", Want: served, Tries: []Try{
			{Raw: post("/v1/messages?a=1;key={canary}"), Target: "/v1/messages?a=1", Keep: arrived, Body: body, Exactly: true},
			{Raw: post("/v1/messages?a=1;key={canary};b=2&c=3"), Target: "/v1/messages?a=1;b=2&c=3", Keep: arrived, Body: body, Exactly: true},
		}},
		// CVE-2026-39825: a parser that stops after so many parameters lets the rest through.
		Case{Name: "key as parameter 10,001", Want: served, Tries: []Try{
			{Raw: post("/v1/messages?" + many + "key={canary}"), Target: "/v1/messages?" + strings.TrimSuffix(many, "&"), Keep: arrived, Body: body, Exactly: true}}},
	)

	payload := `{"key":"value","api_key":"x","access_token":"y"}`
	all = append(all, row(414,
		one("key inside another value", passed, Try{Raw: post("/v1/messages?q=key=1&r=a%26key%3D2"), Target: "/v1/messages?q=key=1&r=a%26key%3D2", Keep: arrived, Body: body, Exactly: true}),
		one("a name that ends in key", passed, Try{Raw: post("/v1/messages?monkey=1&keys=2&k=3"), Target: "/v1/messages?monkey=1&keys=2&k=3", Keep: arrived, Body: body, Exactly: true}),
		one("key in the path", passed, Try{Raw: post("/v1/key=1/token"), Target: "/v1/key=1/token", Keep: arrived, Body: body, Exactly: true}),
		one("key in the body", passed, Try{Raw: request("POST", "/v1/messages", payload), Keep: arrived, Body: payload, Exactly: true}),
	)...)

	beta := func(name string, want []string, lines ...string) Case {
		return one(name, served, Try{Raw: post("/v1/messages", lines...), Keep: arrived, Body: body, Check: betas(want)})
	}
	var values []string
	for i := range 200 {
		values = append(values, fmt.Sprintf("beta-%03d", i))
	}
	all = append(all, row(418,
		beta("anthropic-beta on three lines", []string{"b-one", "b-two", "b-three", "b-four"},
			"anthropic-beta: b-one, b-two", "Anthropic-Beta: b-three", "ANTHROPIC-BETA:b-four"),
		beta("anthropic-beta with ours and others twice", []string{"b-two", ourBeta, "b-one"},
			"anthropic-beta: b-two,"+ourBeta+",b-one,b-two", "anthropic-beta: "+ourBeta),
		beta("anthropic-beta with 200 values", values, "anthropic-beta: "+strings.Join(values, ",")),
		beta("anthropic-beta with empty items", []string{"b-one", "b-two"}, "anthropic-beta: ,, b-one ,\t,b-two,,", "anthropic-beta:"),
	)...)

	version := func(want string) func(Request) error {
		return func(r Request) error {
			if got := r.Values("anthropic-version"); len(got) != 1 || got[0] != want {
				return fmt.Errorf("anthropic-version is %q, want %q", got, want)
			}
			return nil
		}
	}
	all = append(all, row(422,
		one("anthropic-version absent", served, Try{Raw: post("/v1/messages"), Keep: arrived, Body: body, Check: version("2023-06-01")}),
		one("anthropic-version present", served, Try{Raw: post("/v1/messages", "Anthropic-Version: 2026-10-21"), Keep: arrived, Body: body, Check: version("2026-10-21")}),
		Case{Name: "anthropic-version twice", Want: refused(400), Tries: []Try{
			{Raw: post("/v1/messages", "anthropic-version: 2023-06-01", "anthropic-version: 2026-10-21")},
			{Raw: post("/v1/messages", "anthropic-version: 2023-06-01", "Anthropic_Version: 2023-06-01")}}},
	)...)
	return append(all, row(425, Case{Name: "the client key as password of Basic", Role: Keyed, Want: served, Tries: []Try{
		{Raw: post("/v1/messages", "Authorization: Basic {basickey}"), Keep: arrived, Body: body, Exactly: true}}})...)
}

// ourBeta is what a federation token needs (Anthropic WIF: calling the API).
const ourBeta = "oauth-2025-04-20"

// betas checks one merged header: the client's values in their order, each once,
// and ours once.
func betas(want []string) func(Request) error {
	return func(r Request) error {
		lines := r.Values("anthropic-beta")
		if len(lines) == 0 {
			return errors.New("no anthropic-beta")
		}
		var got []string
		ours := 0
		for _, item := range strings.Split(strings.Join(lines, ","), ",") {
			item = strings.TrimSpace(item)
			if item == ourBeta {
				ours++
			}
			got = append(got, item)
		}
		if ours != 1 {
			return fmt.Errorf("our beta is there %d times: %q", ours, lines)
		}
		if !contains(want, ourBeta) {
			got = without(got, ourBeta)
		}
		if strings.Join(got, ",") != strings.Join(want, ",") {
			return fmt.Errorf("anthropic-beta is %q, want %q and ours", got, want)
		}
		return nil
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func without(list []string, s string) []string {
	var out []string
	for _, x := range list {
		if x != s {
			out = append(out, x)
		}
	}
	return out
}

func join(path, query string) string {
	if query == "" {
		return path
	}
	return path + "?" + query
}

func join2(parts ...string) string {
	return strings.Join(without(parts, ""), "&")
}
