//go:build !unix

package cache

const lockFlags = 0
