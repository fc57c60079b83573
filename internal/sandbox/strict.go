package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// strict checks a raw head against RFC 9112 sections 3 and 5, where net/http is
// lenient: this is what decides whether a proxy wrote a well-formed request.
func strict(head []byte) error {
	rest := head
	hosts, lengths, codings := 0, 0, 0
	for first := true; len(rest) > 0; first = false {
		line, after, ok := bytes.Cut(rest, []byte("\r\n"))
		if !ok {
			return errors.New("a line does not end in CR LF")
		}
		rest = after
		if bytes.ContainsAny(line, "\r\n\x00") {
			return errors.New("a bare CR, LF or NUL in a line")
		}
		if first {
			continue
		}
		name, value, ok := strings.Cut(string(line), ":")
		if !ok || !isToken(name) {
			return fmt.Errorf("not a field line: %.40q", line)
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return fmt.Errorf("a control character in %s", name)
		}
		switch strings.ToLower(name) {
		case "host":
			hosts++
		case "content-length":
			lengths++
		case "transfer-encoding":
			codings++
		}
	}
	switch {
	case hosts != 1:
		return fmt.Errorf("%d Host fields", hosts)
	case lengths > 1 || codings > 1 || lengths+codings > 1:
		return errors.New("more than one framing field")
	}
	return nil
}

// isToken: RFC 9110 section 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}
