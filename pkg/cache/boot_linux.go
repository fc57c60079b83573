package cache

import (
	"strings"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
)

// bootID is a random name that the kernel gives to each boot: random(4),
// /proc/sys/kernel/random/boot_id.
func bootID() string {
	data, err := atomicfile.ReadBounded("/proc/sys/kernel/random/boot_id", 64)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
