//go:build !linux

package cache_test

import (
	"context"
	"errors"
)

func useKeyring(context.Context, string, []string) error { return errors.New("linux only") }
