//go:build !unix

package cli

import "runtime/debug"

// harden keeps secrets out of what a crash leaves behind: a panic outside of the
// guarded goroutine prints no stacks.
func harden() { debug.SetTraceback("none") }
