package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheEndOfTheTimeIsNoFailure(t *testing.T) {
	t.Parallel()
	const (
		progress = "fuzz: elapsed: 0s, gathering baseline coverage: 0/12 completed\nfuzz: elapsed: 3s, execs: 100 (30/sec), new interesting: 0 (total: 12)\n"
		end      = "FAIL\nexit status 1\nFAIL\texample.com/m/p\t3.1s\n"
		deadline = "--- FAIL: FuzzX (3.01s)\n    context deadline exceeded\n"
	)
	assert.True(t, ranOut([]byte(progress+deadline+end)))
	for name, out := range map[string]string{
		"a failing input": progress + "--- FAIL: FuzzX (3.01s)\n    --- FAIL: FuzzX (0.00s)\n        x_test.go:9: context deadline exceeded\n    \n    Failing input written to testdata/fuzz/FuzzX/1\n" + end,
		"a failing seed":  progress + "--- FAIL: FuzzX (0.00s)\n    --- FAIL: FuzzX/seed#0 (0.00s)\n        x_test.go:9: context deadline exceeded\n" + end,
		"a hang":          progress + "--- FAIL: FuzzX (3.01s)\n    fuzzing process hung or terminated unexpectedly: exit status 2\n    Failing input written to testdata/fuzz/FuzzX/1\n" + end,
		"more than that":  progress + deadline + "panic: x\n" + end,
		"no build":        "FAIL\texample.com/m/p [build failed]\n",
		"nothing":         "",
	} {
		assert.False(t, ranOut([]byte(out)), name)
	}
}
