//go:build linux

package chaos

import (
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// remote is one way in which the other side goes wrong.
type remote struct {
	name   string
	at     sandbox.Endpoint
	faults []sandbox.Fault
	env    []string
	args   []string // after "token"
	prep   func(w *world)

	code      int
	mints     int // at most; 0: not looked at
	exchanges int // at most; -1: none at all
	within    time.Duration
	says      []string // on standard error
	never     []string // on standard error
}

// bounded gives a process 64 MiB beyond what Go's runtime maps at its start; a
// process that wants more dies with a crash.
var bounded = func() []string {
	if path, err := exec.LookPath("prlimit"); err == nil {
		return []string{path, "--data=" + itoa((76+64)<<20)}
	}
	return nil
}()

// all runs the cases at once: most of their time is waiting.
func (c *check) all(cases []remote, options ...sandbox.Option) {
	c.t.Helper()
	var wg sync.WaitGroup
	places := make(chan struct{}, 24)
	for _, one := range cases {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			c.one(one, options...)
		})
	}
	wg.Wait()
}

func (c *check) one(one remote, options ...sandbox.Option) {
	c.t.Helper()
	w := newWorld(c.t, options...)
	if len(one.faults) > 0 {
		w.sb.AddFault(one.at, one.faults...)
	}
	if one.prep != nil {
		one.prep(w)
	}
	r := w.with(one.env...).under(bounded...).run(append([]string{"token"}, one.args...)...)
	if one.code == 0 {
		_, ok := r.token()
		c.that(ok, "%s: %v", one.name, r)
	} else {
		c.that(r.fails(one.code), "%s, want exit %d: %v", one.name, one.code, r)
	}
	got := w.sb.Counts()
	c.that(got.Replays == 0 && (one.mints == 0 || got.MintRequests <= one.mints) &&
		(one.exchanges == 0 || got.Exchanges <= max(0, one.exchanges)),
		"%s: %d mints, %d exchanges, %d replays; at most %d, %d", one.name, got.MintRequests, got.Exchanges, got.Replays, one.mints, one.exchanges)
	if one.within > 0 {
		c.that(r.took < one.within, "%s: it took %v, at most %v", one.name, r.took, one.within)
	}
	for _, s := range one.says {
		c.that(strings.Contains(r.err, s), "%s: it does not say %q: %v", one.name, s, r)
	}
	for _, s := range one.never {
		c.that(!strings.Contains(r.err, s), "%s: it says %q: %v", one.name, s, r)
	}
	c.that(clean(r.err), "%s: bytes that a terminal or the runner would obey: %v", one.name, r)
	if one.code != 0 {
		c.that(w.entries() == 0, "%s: something is stored", one.name)
	}
}

// clean reports whether text is safe to print: no control bytes, no line that the
// runner takes for a command, no crash.
func clean(text string) bool {
	return oneLine(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
	}) && !strings.Contains(text, "goroutine ") && !strings.Contains(text, "panic:")
}
