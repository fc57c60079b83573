package scrub

import (
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

// gram is the shortest run of a known secret that is recognised. Shorter runs
// occur in innocent text, and reveal little.
const gram = 12

// shortest is the shortest secret that is looked for at all: no credential is
// shorter, and hiding every `a` helps nobody.
const shortest = 4

// redact replaces credentials and runs of known secrets in s.
func redact(s string, secrets []secret.Value) string {
	hidden := make([]bool, len(s))
	any := markShapes(s, hidden)
	for _, v := range secrets {
		if v.IsZero() {
			continue
		}
		any = markSecret(s, hidden, v.Reveal()) || any
	}
	if !any {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case !hidden[i]:
			b.WriteByte(s[i])
		case i == 0 || !hidden[i-1]:
			b.WriteString(Placeholder)
		}
	}
	return b.String()
}

// markSecret hides every run of s that is part of the secret, in the forms in
// which a server would echo it.
func markSecret(s string, hidden []bool, value string) bool {
	found := false
	if len(value) < gram { // too short for runs: only the whole of it
		if len(value) < shortest || strings.Contains(Placeholder, value) {
			return false
		}
		for at := 0; ; {
			i := strings.Index(s[at:], value)
			if i < 0 {
				return found
			}
			hide(hidden, at+i, at+i+len(value))
			found, at = true, at+i+len(value)
		}
	}
	if len(s) < gram {
		return false
	}
	at := make(map[string][]int, len(s))
	var seen starts
	for i := 0; i+gram <= len(s); i++ {
		at[s[i:i+gram]] = append(at[s[i:i+gram]], i)
		seen.add(s[i:])
	}
	for _, form := range forms(value) {
		for i := 0; i+gram <= len(form); i++ {
			if !seen.has(form[i:]) {
				continue
			}
			run := form[i : i+gram]
			for _, p := range at[run] {
				hide(hidden, p, p+gram)
				found = true
			}
			delete(at, run) // once is enough, and repetition would cost a product
		}
	}
	return found
}

// starts tells in a few instructions that no run of a text begins with these four
// bytes. The forms of one assertion are thousands of runs, the text is most often
// a request id, and every successful exchange asks.
type starts [1 << 12 / 64]uint64

func (t *starts) slot(s string) (word *uint64, bit uint64) {
	h := (uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24) * 0x9E3779B1 >> 20
	return &t[h/64], 1 << (h % 64)
}

func (t *starts) add(s string) {
	word, bit := t.slot(s)
	*word |= bit
}

func (t *starts) has(s string) bool {
	word, bit := t.slot(s)
	return *word&bit != 0
}

// forms are the spellings of a secret: plain, hex, and base64 of each alignment
// in both alphabets.
func forms(value string) []string {
	h := hex.EncodeToString([]byte(value))
	out := []string{value, h, strings.ToUpper(h)}
	for skip := range 3 {
		b := []byte(value[skip:])
		out = append(out, base64.RawStdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b))
	}
	return out
}

func hide(hidden []bool, from, to int) {
	for i := from; i < to; i++ {
		hidden[i] = true
	}
}
