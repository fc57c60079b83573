package sandbox_test

import (
	"testing"

	"go.uber.org/goleak"
)

// No test of this package may leave a goroutine behind, so that no sandbox does.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
