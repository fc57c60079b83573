package cache_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/awf-cred/awf-cred/pkg/cache"
)

func TestAKeyIsAFileNameThatStaysTheSame(t *testing.T) {
	t.Parallel()
	// It is on the disks of those who upgrade: a change makes every entry absent.
	assert.Equal(t, "3a4c3e7bc16c928922927b5c519feccc", cache.Key("identity", "exchanger"))
	assert.Regexp(t, regexp.MustCompile(`^[0-9a-f]{32}$`), cache.Key(strings.Repeat("x", 1<<20)))
	assert.NotEqual(t, cache.Key("a", "b"), cache.Key("b", "a"))
	assert.NotEqual(t, cache.Key("a", "b"), cache.Key("ab"))
	assert.Len(t, cache.ShortKey(cache.Key("a")), 12)
}

func FuzzTwoListsOfPartsNeverShareAKey(f *testing.F) {
	for _, s := range [][4]string{
		{"a", "b", "ab", ""}, {"1:a", "b", "1", ":ab"}, {"", "", "", "0:"}, {"3:a", "", "3", "a:"},
		{"github:x", "anthropic:y", "github:xanthropic:", "y"}, {"a\x00", "b", "a", "\x00b"},
	} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		if same := a == c && b == d; same != (cache.Key(a, b) == cache.Key(c, d)) {
			t.Errorf("%q %q and %q %q: same parts %v, same key %v", a, b, c, d, same, !same)
		}
		if cache.Key(a, b) == cache.Key(a, b, c) || cache.Key(a, b) == cache.Key(a+b) {
			t.Errorf("%q %q: another number of parts, the same key", a, b)
		}
	})
}
