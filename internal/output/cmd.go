package output

import "strings"

// cmd.exe has no escape that holds at the prompt, in a batch file and in a FOR
// loop alike: `%` expands in the first two, `!` under delayed expansion, and a
// quote or a line break ends the statement. Such values are refused.

func cmdObjection(value string) string {
	if strings.ContainsAny(value, "\r\n\"%!\x1a") {
		return `holds a line break, ", %, ! or Ctrl-Z, which cmd cannot quote`
	}
	return onlyUTF8(value)
}

func cmdSet(name, value string) string { return `SET "` + name + "=" + value + `"` }

func cmdUnset(name string) string { return `SET "` + name + `="` }
