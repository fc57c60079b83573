package relay

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAControlByteIsFoundWhereverItStands(t *testing.T) {
	t.Parallel()
	for size := range 20 {
		for at := range size {
			for c := range 256 {
				for _, filler := range []byte{'a', ' ', '\t', 0xff, 0x80, 0x21} {
					p := bytes.Repeat([]byte{filler}, size)
					p[at] = byte(c)
					if isValue(p) != all(p, classValue) {
						assert.Fail(t, "differs", "%q", p)
					}
				}
			}
		}
	}
}
