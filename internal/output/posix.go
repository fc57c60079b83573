package output

import "strings"

// In sh, bash and zsh nothing is special between single quotes but the quote
// itself (POSIX.1, Shell Command Language, 2.2.2).

func posixSet(name, value string) string {
	return "export " + name + "='" + posixInner(value) + "'"
}

func posixUnset(name string) string { return "unset " + name }

func posixInner(s string) string { return strings.ReplaceAll(s, `'`, `'\''`) }
