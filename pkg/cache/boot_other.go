//go:build !linux

package cache

func bootID() string { return "" }
