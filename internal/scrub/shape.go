package scrub

import "strings"

// shape is one kind of credential: a prefix, and the end of what follows it, -1
// when what follows is not one.
type shape struct {
	prefix string
	fold   bool // the prefix in any case
	end    func(s string, from int) int
}

// markShapes hides what looks like a credential of a known kind.
func markShapes(s string, hidden []bool) bool {
	found := false
	for _, p := range [...]shape{
		{prefix: "eyJ", end: jwtEnd},
		{prefix: "sk-ant-", end: atLeast(1, isURLSafe)},
		{prefix: "sk-", end: atLeast(20, isURLSafe)},
		{prefix: "ya29.", end: atLeast(1, func(c byte) bool { return isURLSafe(c) || c == '.' })},
		{prefix: "ASIA", end: atLeast(16, isUpperDigit)},
		{prefix: "AKIA", end: atLeast(16, isUpperDigit)},
		{prefix: "bedrock-api-key-", end: atLeast(1, isBase64)},
		{prefix: "ghp_", end: atLeast(20, isAlnum)},
		{prefix: "gho_", end: atLeast(20, isAlnum)},
		{prefix: "ghu_", end: atLeast(20, isAlnum)},
		{prefix: "ghs_", end: atLeast(20, func(c byte) bool { return isURLSafe(c) || c == '.' })},
		{prefix: "ghr_", end: atLeast(20, isAlnum)},
		{prefix: "github_pat_", end: atLeast(20, isURLSafe)},
		{prefix: "bearer", fold: true, end: bearerEnd},
	} {
		found = mark(s, hidden, p) || found
	}
	return found
}

func mark(s string, hidden []bool, p shape) bool {
	found := false
	for i := 0; i+len(p.prefix) <= len(s); i++ {
		if p.fold && !strings.EqualFold(s[i:i+len(p.prefix)], p.prefix) || !p.fold && s[i:i+len(p.prefix)] != p.prefix {
			continue
		}
		if end := p.end(s, i+len(p.prefix)); end >= 0 {
			hide(hidden, i, end)
			found, i = true, end-1
		}
	}
	return found
}

// atLeast accepts n or more characters of a class.
func atLeast(n int, class func(byte) bool) func(string, int) int {
	return func(s string, from int) int {
		end := run(s, from, class)
		if end-from < n {
			return -1
		}
		return end
	}
}

// jwtEnd accepts header, payload and a signature that may be empty (RFC 7515
// section 7.1), after the `eyJ` with which every JSON object in base64 begins.
func jwtEnd(s string, from int) int {
	for range 2 {
		end := run(s, from, isURLSafe)
		if end == from || end == len(s) || s[end] != '.' {
			return -1
		}
		from = end + 1
	}
	return run(s, from, isURLSafe)
}

// bearerEnd accepts blanks and a word, and goes on while that word is `bearer`
// again.
func bearerEnd(s string, from int) int {
	for {
		word := run(s, from, isBlank)
		end := run(s, word, func(c byte) bool { return !isBlank(c) })
		if word == from || end == word {
			return -1
		}
		if !strings.EqualFold(s[word:end], "bearer") {
			return end
		}
		if next := run(s, end, isBlank); next == len(s) {
			return end
		}
		from = end
	}
}

func run(s string, from int, class func(byte) bool) int {
	for from < len(s) && class(s[from]) {
		from++
	}
	return from
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
func isURLSafe(c byte) bool    { return isAlnum(c) || c == '-' || c == '_' }
func isBase64(c byte) bool     { return isURLSafe(c) || c == '+' || c == '/' || c == '=' }
func isUpperDigit(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' }
func isBlank(c byte) bool      { return c == ' ' || c >= '\t' && c <= '\r' }
