package serve

import "runtime/debug"

// gcPercent makes the collector run at half of the usual growth: what a proxy
// keeps alive is small, and buffers of ended requests should go soon.
const gcPercent = 50

// Harden prepares a process that holds a credential for long: nobody but root can
// read its memory, descriptors and environment (where the platform has a way), and
// its heap stays small, unless the user chose a GOGC.
func Harden(chosenGOGC bool) {
	undumpable()
	if !chosenGOGC {
		debug.SetGCPercent(gcPercent)
	}
}
