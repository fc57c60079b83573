package config

import "strings"

// Nearest returns the candidate that name is most likely a misspelling of, empty
// when none is close: at most a third of its letters differ (a swap of
// neighbours counts as one), case and the choice between - and _ aside. Failing
// that, the one that name begins with, or that begins with name.
func Nearest(name string, candidates []string) string {
	if len(name) > longestName {
		return ""
	}
	best, bestDistance, plain := "", 0, folded(name)
	for _, c := range candidates {
		limit := max(len(name), len(c)) / 3
		if len(c) > longestName || len(c)-len(name) > limit || len(name)-len(c) > limit {
			continue
		}
		if d := distance(plain, folded(c)); d <= limit && (best == "" || d < bestDistance) {
			best, bestDistance = c, d
		}
	}
	if best == "" {
		return begun(plain, candidates)
	}
	return best
}

// begun is the one candidate that begins with name or that name begins with; three
// letters at least, so that it says something.
func begun(name string, candidates []string) string {
	found := ""
	for _, c := range candidates {
		plain := folded(c)
		if min(len(plain), len(name)) < 3 || !strings.HasPrefix(plain, name) && !strings.HasPrefix(name, plain) {
			continue
		}
		if found != "" {
			return "" // which of them is anybody's guess
		}
		found = c
	}
	return found
}

// longestName bounds the work of a comparison: nobody misspells a longer name.
const longestName = 64 // bytes

func folded(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }

// distance is the optimal string alignment distance of two strings of at most
// longestName bytes.
func distance(a, b string) int {
	var rows [3][longestName + 1]int // the row before the last, the last, this one
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
