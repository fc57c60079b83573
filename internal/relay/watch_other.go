//go:build !linux

package relay

import "errors"

// newEventWatcher: here a client that leaves is seen by reading.
func newEventWatcher() (watcher, error) { return nil, errors.ErrUnsupported }
