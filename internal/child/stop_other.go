//go:build !linux

package child

// followStops does nothing here: that a child has stopped can only be asked
// together with whether it has ended, and that answer is for who waits for it.
func followStops(int, <-chan struct{}) {}
