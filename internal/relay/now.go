package relay

import "time"

// now is the clock of deadlines and durations: the network's, not the injected
// one, since net.Conn compares deadlines with it.
func now() time.Time {
	return time.Now() //nolint:forbidigo // deadlines are the network's
}
