//go:build linux

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// report writes one Markdown table for each figure: cells down, contenders across,
// medians, and in brackets the median of the ratios to nginx inside each round.
func report(w io.Writer, r results, names []string) {
	figures := map[string]bool{}
	for _, cell := range r {
		for f := range cell {
			figures[f] = true
		}
	}
	for _, f := range slices.Sorted(maps.Keys(figures)) {
		fmt.Fprintf(w, "\n### %s\n\n| | %s |\n|---|%s\n", f, strings.Join(names, " | "), strings.Repeat("---:|", len(names)))
		for _, cell := range slices.SortedFunc(maps.Keys(r), natural) {
			if r[cell][f] == nil {
				continue
			}
			fmt.Fprintf(w, "| %s |", cell)
			for _, name := range names {
				fmt.Fprintf(w, " %s |", entry(r[cell][f][name], r[cell][f]["nginx"], name))
			}
			fmt.Fprintln(w)
		}
	}
}

func entry(v, base []float64, name string) string {
	if len(v) == 0 {
		return "–"
	}
	s := number(median(v))
	if name == "nginx" || len(base) != len(v) {
		return s
	}
	ratios := make([]float64, len(v))
	for i := range v {
		ratios[i] = v[i] / base[i]
	}
	return fmt.Sprintf("%s (%.2f)", s, median(ratios))
}

func number(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}

// natural compares names with the numbers in them as numbers.
func natural(a, b string) int {
	pad := func(s string) string {
		var out, digits strings.Builder
		for _, c := range s + "\x00" {
			if c >= '0' && c <= '9' {
				digits.WriteRune(c)
				continue
			}
			if digits.Len() > 0 {
				fmt.Fprintf(&out, "%010s", digits.String())
				digits.Reset()
			}
			out.WriteRune(c)
		}
		return out.String()
	}
	return strings.Compare(pad(a), pad(b))
}
