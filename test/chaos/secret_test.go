//go:build linux

package chaos

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"net/url"
	"slices"
	"strings"
)

// canary is a secret of one run, to be looked for in every form.
type canary struct {
	name  string
	value string
	forms []string
}

// window is how many characters of a secret's random part may not occur.
const window = 12

func newCanary(name, prefix string) canary {
	return canaryOf(name, prefix, prefix+rand.Text()+rand.Text())
}

// canaryOf makes a canary of a value whose random part follows prefix.
func canaryOf(name, prefix, value string) canary {
	c := canary{name: name, value: value}
	random := strings.TrimPrefix(value, prefix)
	for i := 0; i+window <= len(random); i++ {
		c.forms = append(c.forms, random[i:i+window])
	}
	half := random[:len(random)/2]
	backwards := []byte(half)
	slices.Reverse(backwards)
	c.forms = append(c.forms, string(backwards), hex.EncodeToString([]byte(half)), strings.ToUpper(hex.EncodeToString([]byte(half))))
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for shift := range 3 { // wherever the secret begins in what was encoded
			text := encoding.EncodeToString([]byte("xx"[:shift] + value))
			c.forms = append(c.forms, text[4:len(text)-4])
		}
	}
	escaped, _ := json.Marshal(value)
	var x strings.Builder
	_ = xml.EscapeText(&x, []byte(value))
	c.forms = append(c.forms, url.QueryEscape(value), url.PathEscape(value), strings.Trim(string(escaped), `"`), x.String())
	return c
}

// in returns the form of the canary that occurs in text, empty for none.
func (c canary) in(text string) string {
	for _, form := range c.forms {
		if form != "" && strings.Contains(text, form) {
			return form
		}
	}
	return ""
}
