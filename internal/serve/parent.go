package serve

import (
	"context"
	"os"
	"time"
)

// parentCheck is how often we look for our parent. The signal that Linux can send
// at a parent's death belongs to the thread that started us, which may end before.
const parentCheck = 200 * time.Millisecond

// WatchParent returns a channel that is closed when the process that started us
// has ended. The watch ends with ctx.
func WatchParent(ctx context.Context) <-chan struct{} {
	gone := make(chan struct{})
	parent := os.Getppid()
	go func() {
		ticker := time.NewTicker(parentCheck)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			if os.Getppid() != parent {
				close(gone)
				return
			}
		}
	}()
	return gone
}
