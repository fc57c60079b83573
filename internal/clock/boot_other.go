//go:build !linux

package clock

import "time"

func boot() time.Duration { return 0 }
