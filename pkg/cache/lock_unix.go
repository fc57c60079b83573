//go:build unix

package cache

import "golang.org/x/sys/unix"

// lockFlags keep a link from being followed and a FIFO from blocking. Package os
// adds O_CLOEXEC: a child does not hold our lock.
const lockFlags = unix.O_NOFOLLOW | unix.O_NONBLOCK
