package proxy

import (
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"
)

// identifiers makes request ids: unique in this process, unlike those of another,
// and without a system call for each.
type identifiers struct {
	seed  uint64
	count atomic.Uint64
}

func newIdentifiers() *identifiers {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return &identifiers{seed: binary.LittleEndian.Uint64(b[:])}
}

// next returns another id. The finalizer of SplitMix64 is a bijection, so that
// neighbours look different and no two are the same.
func (i *identifiers) next() uint64 {
	x := i.seed + i.count.Add(1)*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// RequestIDs makes request ids for answers that no policy gives.
func RequestIDs() func() string {
	ids := newIdentifiers()
	return func() string { return string(appendID(nil, ids.next())) }
}

// appendID writes an id as clients and logs see it.
func appendID(dst []byte, id uint64) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, "awf_"...)
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[id>>shift&15])
	}
	return dst
}
