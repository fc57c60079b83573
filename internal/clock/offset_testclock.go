//go:build testclock

package clock

import (
	"os"
	"sync"
	"time"
)

// offset moves the wall clock of a test build: a second wall clock for one
// process does not exist on Linux, and libfaketime does not reach a Go binary.
var offset = sync.OnceValue(func() time.Duration {
	d, _ := time.ParseDuration(os.Getenv("AWF_CRED_TEST_CLOCK_OFFSET"))
	return d
})
