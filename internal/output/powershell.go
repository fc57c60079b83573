package output

import "strings"

// In PowerShell a single quote is doubled, and so are the typographic quotes
// U+2018 to U+201B, which end a string as well (about_Quoting_Rules). Line breaks
// are joined in as characters, because a pipeline of lines does not keep them.

func powershellSet(name, value string) string {
	return "$Env:" + name + " = '" + powershellInner(value) + "'"
}

func powershellUnset(name string) string {
	return "Remove-Item Env:" + name + " -ErrorAction SilentlyContinue"
}

func powershellInner(s string) string {
	return strings.NewReplacer(
		`'`, `''`, "\u2018", "\u2018\u2018", "\u2019", "\u2019\u2019", "\u201a", "\u201a\u201a", "\u201b", "\u201b\u201b",
		"\n", "'+[char]10+'", "\r", "'+[char]13+'",
	).Replace(s)
}
