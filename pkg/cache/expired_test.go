package cache_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/awf-cred/awf-cred/pkg/cache"
)

// writeExpired writes an entry as another process would have, whose credential
// ended ago.
func writeExpired(tb testing.TB, d *cache.Directory, i int, ago time.Duration) {
	tb.Helper()
	k := cache.Key("stale", fmt.Sprint(i))
	end := time.Now().Add(-ago).UTC()
	body := fmt.Sprintf(`{"key":%q,"provider":"anthropic","kind":"bearer","token":"t","issued_at":%q,"expires_at":%q}`,
		k, end.Add(-time.Hour).Format(time.RFC3339), end.Format(time.RFC3339))
	writeSealed(tb, filepath.Join(d.Path(), k+".json"), []byte(body))
}

func writeSealed(tb testing.TB, path string, body []byte) {
	tb.Helper()
	data := fmt.Appendf(nil, `{"version":1,"sha256":"%x","body":%s}`+"\n", sha256.Sum256(body), body)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// FuzzAnEntryIsWholeOrAbsent feeds bytes to the reader, bare and sealed with a
// digest that is right. Whatever comes back lives, can stand in a header, and is
// the key's.
func FuzzAnEntryIsWholeOrAbsent(f *testing.F) {
	clock := newClock()
	stamp := func(d time.Duration) string { return clock.Now().Add(d).UTC().Format(time.RFC3339Nano) }
	body := func(extra, issued, expires string) []byte {
		return fmt.Appendf(nil, `{"key":%q,"provider":"anthropic","kind":"bearer",%s,"issued_at":%q,"expires_at":%q}`, key, extra, issued, expires)
	}
	f.Add(body(`"token":"sk-ant-oat01-x"`, stamp(0), stamp(time.Hour)))
	f.Add(body(`"token":"a b"`, stamp(0), stamp(time.Hour)))
	f.Add(body(`"token":"x","aws":{}`, stamp(0), stamp(time.Hour)))
	f.Add(body(`"token":"x","boot_ns":-9223372036854775808,"boot_id":"boot-1"`, stamp(0), stamp(time.Hour)))
	f.Add(body(`"token":"x"`, "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z"))
	f.Add(body(`"token":"x"`, stamp(time.Hour), stamp(2*time.Hour)))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"version":1,"sha256":"","body":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := open(t, clock, filepath.Join(t.TempDir(), "c"))
		s := d.Files(label())
		check := func() {
			c, ok, err := s.Get(context.Background(), key)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				return
			}
			if left := c.ExpiresAt.Sub(clock.Now()); left <= 0 || left > 24*time.Hour+2*time.Minute {
				t.Errorf("%s left", left)
			}
			if bytes.ContainsFunc([]byte(c.Token.Reveal()), func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Errorf("token %q", c.Token.Reveal())
			}
			if c.Provider != providerName || (c.AWS == nil) == (c.Token.IsZero()) {
				t.Errorf("%+v", c)
			}
		}
		if err := os.WriteFile(entryPath(d), data, 0o600); err != nil {
			t.Fatal(err)
		}
		check()
		writeSealed(t, entryPath(d), data)
		check()
	})
}
