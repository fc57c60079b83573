package cli

import (
	"strconv"
	"strings"
)

// printable keeps text from elsewhere on its lines and away from the terminal:
// everything that is not a printable character is escaped, line feeds stay.
func printable(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] == '\n' || s[i] >= ' ' && s[i] <= '~'
	}
	if plain {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r == '\n' || strconv.IsPrint(r) && r != '\uFFFD' {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRuneToASCII(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

// oneLine is printable text without line feeds either.
func oneLine(s string) string { return strings.ReplaceAll(printable(s), "\n", `\n`) }

// Styles of a terminal (ECMA-48 SGR).
const (
	bold = "1"
	red  = "1;31"
)

// style makes text stand out where standard error is a terminal that wants it
// (https://no-color.org).
func (a *app) style(text, code string) string {
	if !a.sys.TTY || a.env("NO_COLOR") != "" || a.env("TERM") == "dumb" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
