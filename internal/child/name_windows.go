package child

import "strings"

// sameName: Windows does not tell the case of a variable's name.
func sameName(a, b string) bool { return strings.EqualFold(a, b) }
