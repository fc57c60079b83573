//go:build !linux

package identity_test

func helper(string) {}
