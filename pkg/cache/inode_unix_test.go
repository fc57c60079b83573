//go:build unix

package cache_test

import (
	"fmt"
	"os"
	"syscall"
)

func inodeOf(path string) string {
	info, err := os.Lstat(path)
	if err != nil {
		return "no such file"
	}
	return fmt.Sprintf(":%d ", info.Sys().(*syscall.Stat_t).Ino)
}
