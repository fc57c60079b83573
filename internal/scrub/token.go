package scrub

import (
	"errors"
	"fmt"
)

// MaxToken bounds a bearer token, in bytes.
const MaxToken = 16 << 10

// CheckToken says why s cannot be used as a bearer token, nil when it can: 1 to
// [MaxToken] bytes of `A-Z a-z 0-9 . _ ~ + / = -`, the characters of RFC 6750
// section 2.1 (token68). Such a string is safe in a header, in a file of
// variables and, quoted, in a shell. The error never holds a byte of s.
func CheckToken(s string) error {
	if s == "" {
		return errors.New("is empty")
	}
	if len(s) > MaxToken {
		return fmt.Errorf("has %d bytes, more than %d", len(s), MaxToken)
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isBase64(c) && c != '.' && c != '~' {
			return fmt.Errorf("has a character at position %d that no token has", i+1)
		}
	}
	return nil
}
