package hostile

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzHostile mutates the bytes of the cases. Whatever they become: the upstream
// reads well-formed requests alone, each with our credential, no other, and our
// Host; no client gets the credential; each log line is one record; and the
// listener lives.
func FuzzHostile(f *testing.F) {
	u, err := NewUpstream()
	require.NoError(f, err)
	f.Cleanup(u.Close)
	target := startInProcess(f, u)
	f.Cleanup(func() { _ = target.Close() })
	s, err := NewSuite(target, u)
	require.NoError(f, err)
	f.Cleanup(s.Close)
	words := (&Session{suite: s, target: target, upstream: u, role: Plain, canary: "CANARYCANARYCANARYCANARYCA"}).words()
	for _, g := range Groups() {
		for _, c := range g.Cases {
			if len(c.Tries) > 0 && len(c.Tries[0].Raw) < 4<<10 {
				f.Add([]byte(c.Tries[0].Raw), c.Want.Kind == Refused)
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, split bool) {
		if strings.Contains(string(raw), "/endless") || strings.Contains(string(raw), "/hang") || len(raw) > 64<<10 {
			t.Skip("these never end")
		}
		raw = fill(string(raw), words)
		c, err := s.Target.Dial(Plain, "tcp")
		require.NoError(t, err)
		x := newClient(c, time.Second)
		if half := len(raw) / 2; split {
			x.send(raw[:half])
			x.send(raw[half:])
		} else {
			x.send(raw)
		}
		heard := string(x.silence(5 * time.Millisecond))
		x.Close()

		require.Empty(t, s.Upstream.Complaints())
		for _, r := range s.Upstream.Since(0) {
			require.NoError(t, s.oneCredential(Plain, r), "%q", r.Head)
		}
		s.Upstream.Forget()
		log := s.Target.Log()
		for _, secret := range s.Target.Secrets() {
			require.NotContains(t, heard, secret)
			require.NotContains(t, log, secret)
		}
		for _, line := range strings.Split(strings.TrimSuffix(log, "\n"), "\n") {
			require.True(t, line == "" || json.Valid([]byte(line)), "%q", line)
		}
		require.NoError(t, s.probe(Plain, "tcp"))
	})
}
