package config

import "strings"

// Nearest returns the candidate that name is most likely a misspelling of, empty
// when none is close: at most a third of its letters differ (a swap of
// neighbours counts as one), case and the choice between - and _ aside.
func Nearest(name string, candidates []string) string {
	const longest = 64 // nobody misspells a longer name; it bounds the work
	if len(name) > longest {
		return ""
	}
	best, bestDistance := "", 0
	for _, c := range candidates {
		if len(c) > longest {
			continue
		}
		d := distance(folded(name), folded(c))
		if limit := max(1, max(len(name), len(c))/3); d > limit {
			continue
		}
		if best == "" || d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

func folded(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }

// distance is the optimal string alignment distance of two short strings.
func distance(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
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
