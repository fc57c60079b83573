package output

import "strings"

// Readers of .env files differ in what they unescape, and some people source such
// a file in a shell. What is plain everywhere stays unquoted; a backtick cannot be
// written so that every reader gives it back and no shell runs it.

func dotenvObjection(value string) string {
	if strings.Contains(value, "`") {
		return "holds a backtick, which .env files cannot quote"
	}
	return onlyUTF8(value)
}

func dotenvSet(name, value string) string {
	if strings.Trim(value, dotenvPlain) == "" {
		return name + "=" + value
	}
	return name + `="` + dotenvInner(value) + `"`
}

const dotenvPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+=:@-"

func dotenvInner(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "\n", `\n`, "\r", `\r`).Replace(s)
}
