package relay

import (
	"bufio"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOnlyWhatWasNeverWrittenIsDropped(t *testing.T) {
	t.Parallel()
	const smaps = `00400000-00c00000 r-xp 00000000 fd:00 42 /usr/bin/program
Rss:                4000 kB
Anonymous:             0 kB
Swap:                  0 kB
00c00000-01000000 r--p 00800000 fd:00 42 /usr/bin/program (deleted)
Anonymous:             0 kB
01000000-01100000 r--p 00c00000 fd:00 42 /usr/bin/program
Anonymous:             4 kB
01100000-01200000 rw-p 00d00000 fd:00 42 /usr/bin/program
Anonymous:             0 kB
01200000-01300000 r--p 00e00000 fd:00 42 /usr/bin/program
Anonymous:             0 kB
Swap:                  4 kB
01300000-01400000 r--s 00e00000 fd:00 42 /usr/bin/program
c000000000-c000400000 rw-p 00000000 00:00 0
Anonymous:           400 kB
7f0000000000-7f0000100000 r-xp 00000000 fd:00 43 /lib/other.so
Anonymous:             0 kB
7ffff0000000-7ffff0001000 r-xp 00000000 00:00 0 [vdso]
`
	got := programMappings(bufio.NewScanner(strings.NewReader(smaps)), 0x500000)
	var ranges []uint64
	for _, m := range got {
		ranges = append(ranges, m.from, m.to)
	}
	assert.Equal(t, []uint64{0x400000, 0xc00000, 0xc00000, 0x1000000}, ranges)
	assert.Empty(t, programMappings(bufio.NewScanner(strings.NewReader(smaps)), 0x10))
}

// The program goes on with what it has dropped.
func TestDroppedPagesComeBack(t *testing.T) {
	t.Parallel()
	for range 3 {
		dropProgramPages()
		assert.True(t, checkTarget([]byte("/v1/messages")))
	}
}
