//go:build !linux

package serve

func undumpable() {}
