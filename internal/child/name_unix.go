//go:build !windows

package child

func sameName(a, b string) bool { return a == b }
