package hostile

import (
	"fmt"
	"strings"
)

// authHeader is the name that the target is configured with for static keys; a
// client must not be able to send it.
const authHeader = "X-Custom-Auth"

// credentialNames are the headers of rows H100 to H119, in order.
var credentialNames = []string{
	"Authorization", "Proxy-Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "X-Goog-User-Project",
	"X-Goog-Iam-Authorization-Token", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256", "X-Amz-Target-Unknown",
	"Ocp-Apim-Subscription-Key", "X-Auth-Token", "X-Access-Token", "Cookie", "X-Forwarded-Authorization", "X-Forwarded-For",
	"Forwarded", "X-Original-URL", authHeader,
}

// credentialHeaders is the rows H100 to H119: twenty names in twelve spellings, less two
// spellings for each of the three names without a dash. H100a is the first name
// as written, H119l the last one on a folded line.
func credentialHeaders() []Case {
	var all []Case
	for i, name := range credentialNames {
		for _, s := range spellings {
			tries := s.tries(name)
			if len(tries) == 0 {
				continue
			}
			all = append(all, Case{ID: fmt.Sprintf("H%d%c", 100+i, s.letter), Name: name + " " + s.name, Role: Plain, Want: s.want, Tries: tries})
		}
	}
	return all
}

type spelling struct {
	letter byte
	name   string
	want   Verdict
	tries  func(name string) []Try
}

var spellings = []spelling{
	{'a', "as written", served, func(n string) []Try { return stripped(n + ": {canary}") }},
	{'b', "in lower case", served, func(n string) []Try { return stripped(strings.ToLower(n) + ": {canary}") }},
	{'c', "in upper case", served, func(n string) []Try { return stripped(strings.ToUpper(n) + ": Bearer {canary}") }},
	{'d', "with every dash as underscore", served, func(n string) []Try {
		if !strings.Contains(n, "-") {
			return nil
		}
		return stripped(strings.ReplaceAll(n, "-", "_") + ": {canary}")
	}},
	{'e', "with one dash as underscore", served, func(n string) []Try {
		var tries []Try
		for i := range n {
			if n[i] == '-' {
				tries = append(tries, stripped(n[:i]+"_"+n[i+1:]+": {canary}")...)
			}
		}
		return tries
	}},
	{'f', "on three lines", served, func(n string) []Try {
		return stripped(n+": {canary}", n+": Bearer {canary}2", strings.ToLower(n)+": Basic {canary}3")
	}},
	// CVE-2025-48865: a hop-by-hop nomination took a proxy's own header away.
	{'g', "nominated by Connection: close", served, func(n string) []Try {
		return append(stripped("Connection: close, "+n, n+": {canary}"), stripped("Connection: close, "+n)...)
	}},
	{'h', "nominated twice, in odd case, with tabs", served, func(n string) []Try {
		return stripped("Connection: \t"+odd(n)+"\t", "connection:close\t,\t"+strings.ToUpper(n)+" ,,", n+": {canary}")
	}},
	{'i', "empty, blank, with 8-bit bytes", served, func(n string) []Try {
		return append(append(stripped(n+":"), stripped(n+":  \t ")...), stripped(n+": {canary}\x80\xff\xc3\xa9")...)
	}},
	{'j', "as a trailer", served, func(n string) []Try {
		t := func(lines ...string) Try {
			return Try{Raw: chunked("/v1/messages", lines, []string{n + ": {canary}"}), Keep: arrived, Body: body, Exactly: true}
		}
		return []Try{t("Trailer: " + n), t()}
	}},
	{'k', "with a blank before the colon or the name", refused(400), func(n string) []Try {
		return []Try{{Raw: post("/v1/messages", n+" : {canary}")}, {Raw: post("/v1/messages", n+"\t: {canary}")},
			{Raw: post("/v1/messages", " "+n+": {canary}")}, {Raw: post("/v1/messages", "\t"+n+": {canary}")}}
	}},
	{'l', "continued on a folded line", refused(400), func(n string) []Try {
		return []Try{{Raw: post("/v1/messages", n+": x\r\n {canary}")}, {Raw: post("/v1/messages", n+":\r\n\t{canary}")}}
	}},
}

// stripped is a POST with lines that must not arrive among others that must.
func stripped(lines ...string) []Try {
	return []Try{{Raw: post("/v1/messages", append(lines, "x-amzn-trace-id: Root=1-2")...),
		Keep: []string{arrived[0], "x-amzn-trace-id: Root=1-2", arrived[1]}, Body: body, Exactly: true}}
}

// odd alternates the case of letters.
func odd(s string) string {
	b := []byte(strings.ToLower(s))
	for i := 0; i < len(b); i += 2 {
		if 'a' <= b[i] && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}
