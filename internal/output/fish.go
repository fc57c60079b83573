package output

import "strings"

// In fish single quotes know two escapes, \\ and \' (fish documentation,
// "Quotes"). A line break is written outside the quotes as \n: `eval (awf-cred
// env)` splits our output at line breaks and joins it with blanks, and so the
// statements end with a semicolon as well.

func fishSet(name, value string) string {
	return "set -gx " + name + " '" + fishInner(value) + "';"
}

// fishUnset ends well: `set -e` of a variable that is not there fails in silence,
// and the status of `awf-cred env | source` is that of its last statement.
func fishUnset(name string) string { return "set -e " + name + "; or true;" }

func fishInner(s string) string {
	return strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `'\n'`, "\r", `'\r'`).Replace(s)
}
