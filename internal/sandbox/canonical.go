package sandbox

import (
	"net/http"
	"sort"
	"strconv"
	"strings"
)

// canonical is the canonical request.
func (v SigV4) canonical(r SignedRequest, s *signature, payload string) string {
	path, query, _ := strings.Cut(r.Target, "?")
	if v.Normalize {
		path = normalize(path)
	}
	var headers strings.Builder
	for _, name := range s.signed {
		values := r.Header[http.CanonicalHeaderKey(name)]
		if name == "host" {
			values = []string{r.Host}
		}
		trimmed := make([]string, len(values))
		for i, v := range values {
			trimmed[i] = strings.Join(strings.Fields(v), " ")
		}
		headers.WriteString(name + ":" + strings.Join(trimmed, ",") + "\n")
	}
	return strings.Join([]string{r.Method, uriEncode(path, true), canonicalQuery(query), headers.String(),
		strings.Join(s.signed, ";"), payload}, "\n")
}

// canonicalQuery sorts by encoded name, then value. A plus is a plus.
func canonicalQuery(query string) string {
	var pairs [][2]string
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		if name == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, [2]string{uriEncode(percentDecode(name), false), uriEncode(percentDecode(value), false)})
	}
	sort.Slice(pairs, func(i, j int) bool {
		if pairs[i][0] != pairs[j][0] {
			return pairs[i][0] < pairs[j][0]
		}
		return pairs[i][1] < pairs[j][1]
	})
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		parts[i] = p[0] + "=" + p[1]
	}
	return strings.Join(parts, "&")
}

// queryMap reads a query with percent decoding alone.
func queryMap(target string) map[string][]string {
	_, query, _ := strings.Cut(target, "?")
	m := map[string][]string{}
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		m[percentDecode(name)] = append(m[percentDecode(name)], percentDecode(value))
	}
	return m
}

// uriEncode leaves RFC 3986's unreserved characters, and slashes if told so.
func uriEncode(s string, slash bool) string {
	const upper = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			c == '-' || c == '.' || c == '_' || c == '~' || slash && c == '/' {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', upper[c>>4], upper[c&15]})
	}
	return b.String()
}

// percentDecode leaves what is not a valid escape as it is.
func percentDecode(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// normalize removes dot segments (RFC 3986 section 5.2.4) and empty segments.
func normalize(path string) string {
	var out []string
	segments := strings.Split(path, "/")
	for _, s := range segments {
		switch s {
		case "", ".":
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
		default:
			out = append(out, s)
		}
	}
	clean := "/" + strings.Join(out, "/")
	last := segments[len(segments)-1]
	if len(out) > 0 && (last == "" || last == "." || last == "..") {
		clean += "/"
	}
	return clean
}
