//go:build linux

package chaos

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

const processes = 200

// storm starts n processes at once.
func (w *world) storm(n int, args ...string) []*process {
	w.t.Helper()
	list := make([]*process, n)
	for i := range list {
		list[i] = w.start(w.command(args...))
	}
	return list
}

// agree waits for all and reports whether all printed one and the same token.
func agree(c *check, list []*process) {
	c.t.Helper()
	tokens := map[string]int{}
	for _, p := range list {
		r := p.wait()
		token, ok := r.token()
		tokens[token]++
		c.that(ok, "%v", r)
	}
	c.that(len(tokens) == 1, "%d different tokens", len(tokens))
}

func (c *check) counts(w *world, mints, exchanges, replays int) {
	c.t.Helper()
	got := w.sb.Counts()
	c.that(got.MintRequests <= mints && got.Exchanges <= exchanges && got.Replays <= replays && got.Exchanges > 0,
		"%d mints, %d exchanges, %d replays; at most %d, %d, %d", got.MintRequests, got.Exchanges, got.Replays, mints, exchanges, replays)
	c.note("%d mints, %d exchanges, %d replays", got.MintRequests, got.Exchanges, got.Replays)
}

func TestF080AColdStormMakesOneExchange(t *testing.T) {
	c := row(t, "F080", "200 processes on a cold cache: one mint, one exchange, one token")
	w := newWorld(t)
	agree(c, w.storm(processes, "token"))
	c.counts(w, 1, 1, 0)
}

// F081: the holder is killed at each stage that can be seen from outside.
func TestF081AHolderThatDiesIsFollowed(t *testing.T) {
	t.Parallel()
	for _, stage := range []struct {
		name            string
		at              sandbox.Endpoint
		stage           sandbox.Stage
		discard         bool
		mints, exchange int
	}{
		{"in the mint", sandbox.Mint, sandbox.StageRequest, false, 2, 1},
		{"mint answered", sandbox.Mint, sandbox.StageBody, false, 2, 1},
		{"exchange sent, not consumed", sandbox.AnthropicToken, sandbox.StageRequest, true, 2, 2},
		{"exchange consumed", sandbox.AnthropicToken, sandbox.StageAnswer, false, 2, 2},
		{"answer half read", sandbox.AnthropicToken, sandbox.StageBody, false, 2, 2},
	} {
		t.Run(stage.name, func(t *testing.T) {
			t.Parallel()
			c := row(t, "F081", "the holder killed: "+stage.name)
			w := newWorld(t)
			gate := sandbox.NewGate()
			w.sb.AddFault(stage.at, sandbox.Fault{Stage: stage.stage, Gate: gate, At: 1})
			holder := w.start(w.command("token"))
			require.NoError(t, gate.Wait(within(t, time.Minute), 1))
			rest := w.storm(much(processes, 50), "token")
			require.NoError(t, w.awaitWaiters(5))
			killed := time.Now()
			require.NoError(t, holder.cmd.Process.Kill())
			holder.wait()
			gate.Open()
			agree(c, rest)
			c.note("all had it %v after the kill", time.Since(killed).Round(time.Millisecond))
			c.counts(w, stage.mints, stage.exchange, 0)
		})
	}
}

// awaitWaiters waits until n processes wait for a lock of ours.
func (w *world) awaitWaiters(n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		if w.waiters() >= n {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
	return ctx.Err()
}

func TestF082AConsumedExchangeThatTimesOutIsNotRepeated(t *testing.T) {
	t.Parallel()
	c := row(t, "F082", "the first exchange is consumed, then times out")
	w := newWorld(t)
	w.sb.AddFault(sandbox.AnthropicToken, sandbox.Hang(sandbox.StageAnswer))
	// An attempt gets half of the whole: 3 s here instead of 30.
	agree(c, w.storm(processes, "token", "--timeout", "6s"))
	c.counts(w, 2, 2, 0)
}

func TestF083AFinalRefusalIsShared(t *testing.T) {
	t.Parallel()
	c := row(t, "F083", "a final 401: few exchanges, and who shares it says so")
	w := newWorld(t)
	w.sb.AddFault(sandbox.AnthropicToken, sandbox.Status(401).Always())
	said := 0
	for _, p := range w.storm(processes, "token") {
		r := p.wait()
		c.that(r.fails(4), "%v", r)
		if contains(r.err, "another run") {
			said++
		}
	}
	c.that(said >= processes-3, "only %d of %d say that it is another run's", said, processes)
	c.note("%d shared it", said)
	c.counts(w, 3, 3, 0)
}

func TestF084AnOutageOfThreeSecondsIsWaitedOut(t *testing.T) {
	t.Parallel()
	c := row(t, "F084", "503 for 3 s, then 200")
	w := newWorld(t)
	w.sb.AddFault(sandbox.AnthropicToken, sandbox.Status(503).Always())
	go func() {
		if w.sb.Await(within(t, time.Minute), func(n sandbox.Counts) bool { return n.Exchanges > 0 }) == nil {
			<-time.After(3 * time.Second) // the outage itself
			w.sb.ClearFaults(sandbox.AnthropicToken)
		}
	}()
	agree(c, w.storm(processes, "token"))
	c.counts(w, 4, 4, 0)
}

func TestF085AStoppedHolderIsNamed(t *testing.T) {
	t.Parallel()
	c := row(t, "F085", "the holder stopped: waiters end in time and name it")
	w := newWorld(t)
	gate := sandbox.NewGate()
	w.sb.AddFault(sandbox.AnthropicToken, sandbox.Fault{Gate: gate})
	holder := w.start(w.command("token"))
	require.NoError(t, gate.Wait(within(t, time.Minute), 1))
	require.NoError(t, holder.cmd.Process.Signal(syscall.SIGSTOP))
	for _, p := range w.storm(10, "token", "--timeout", "2s") {
		r := p.wait()
		c.that(r.fails(5) && contains(r.err, itoa(holder.cmd.Process.Pid)), "pid %d: %v", holder.cmd.Process.Pid, r)
		c.that(r.took < 5*time.Second, "it took %v", r.took)
	}
	gate.Open()
	require.NoError(t, holder.cmd.Process.Signal(syscall.SIGCONT))
	r := holder.wait()
	token, ok := r.token()
	c.that(ok, "the holder after SIGCONT: %v", r)
	r = w.run("token")
	again, ok := r.token()
	c.that(ok && again == token, "after that: %v", r)
	c.counts(w, 1, 1, 0)
}

func TestF086LocksThatDoNotWorkCostOneWarning(t *testing.T) {
	t.Parallel()
	needStrace(t)
	c := row(t, "F086", "flock fails: a token, one warning")
	w := newWorld(t)
	for _, errno := range []string{"ENOLCK", "EOPNOTSUPP", "EIO"} {
		v := w.fresh()
		r := v.under("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=flock", "-e", "inject=flock:error="+errno).run("token")
		_, ok := r.token()
		c.that(ok && contains(r.err, "lock"), "%s: %v", errno, r)
		r = v.run("token")
		_, ok = r.token()
		c.that(ok && r.err == "", "%s, the next run: %v", errno, r)
	}
	c.counts(w, 3, 3, 0)
}

func TestF087ALockFileIsTamperedWith(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(t *testing.T, path string){
		"removed": func(t *testing.T, p string) { require.NoError(t, os.Remove(p)) },
		"replaced": func(t *testing.T, p string) {
			write(t, p+".new", "x", 0o600)
			require.NoError(t, os.Rename(p+".new", p))
		},
		"chmod 000":     func(t *testing.T, p string) { require.NoError(t, os.Chmod(p, 0)) },
		"full of bytes": func(t *testing.T, p string) { write(t, p, string(make([]byte, 1<<20)), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := row(t, "F087", "the lock file while held: "+name)
			w := newWorld(t)
			gate := sandbox.NewGate()
			w.sb.AddFault(sandbox.AnthropicToken, sandbox.Fault{Gate: gate})
			list := w.storm(10, "token")
			require.NoError(t, gate.Wait(within(t, time.Minute), 1))
			locks, err := filepath.Glob(filepath.Join(w.dir, "*.lock"))
			require.NoError(t, err)
			require.Len(t, locks, 1)
			do(t, locks[0])
			list = append(list, w.storm(10, "token")...)
			gate.Open()
			for _, p := range list {
				r := p.wait()
				_, ok := r.token()
				c.that(ok, "%v", r)
			}
			c.counts(w, 2, 2, 0)
		})
	}
}

func TestF089IdentitiesDoNotWaitForEachOther(t *testing.T) {
	c := row(t, "F089", "50 identities x 20 processes: an exchange and a token for each")
	w := newWorld(t, sandbox.With(func(cfg *sandbox.Config) { cfg.Rule.SubjectPrefix = "repo:*" }))
	identities := much(50, 10)
	var list [][]*process
	for range identities {
		job := w.sb.AddIdentity(sandbox.Identity{})
		list = append(list, w.with(job.GitHubEnv()...).storm(20, "token"))
	}
	all := map[string]bool{}
	for _, one := range list {
		agree(c, one)
		all[one[0].res.out] = true
	}
	c.that(len(all) == identities, "%d identities, %d tokens", identities, len(all))
	c.counts(w, identities, identities, 0)
}

func TestF090AWaiterIsInterruptedAtOnce(t *testing.T) {
	t.Parallel()
	c := row(t, "F090", "signals to waiters: 130 and 143 within 200 ms, the others unharmed")
	w := newWorld(t)
	gate := sandbox.NewGate()
	w.sb.AddFault(sandbox.AnthropicToken, sandbox.Fault{Gate: gate})
	list := w.storm(10, "token")
	require.NoError(t, gate.Wait(within(t, time.Minute), 1))
	require.NoError(t, w.awaitWaiters(9))
	holder := w.holder()
	signalled := 0
	var rest []*process
	for _, p := range list {
		sig, code := syscall.SIGINT, 130
		if signalled%2 == 1 {
			sig, code = syscall.SIGTERM, 143
		}
		if p.cmd.Process.Pid == holder || signalled == 6 {
			rest = append(rest, p)
			continue
		}
		signalled++
		sent := time.Now()
		require.NoError(t, p.cmd.Process.Signal(sig))
		r := p.wait()
		took := time.Since(sent)
		c.that(r.code == code && r.out == "", "%v: %v", sig, r)
		c.that(took < much200ms, "%v after %v", sig, took)
	}
	gate.Open()
	agree(c, rest)
	c.counts(w, 1, 1, 0)
}

// much200ms is 200 ms on a machine that has time for it.
const much200ms = 2 * time.Second

func TestF091ForcedRefreshesAreSerial(t *testing.T) {
	t.Parallel()
	c := row(t, "F091", "--force-refresh x20: at most 20 exchanges, the last writer's entry whole")
	w := newWorld(t)
	for _, p := range w.storm(20, "token", "--force-refresh") {
		r := p.wait()
		_, ok := r.token()
		c.that(ok, "%v", r)
	}
	before := w.exchanges()
	r := w.run("token")
	_, ok := r.token()
	c.that(ok && w.exchanges() == before, "the entry is whole: %v", r)
	c.counts(w, 20, 20, 0)
}

func TestF072WritersAndReadersAtOnce(t *testing.T) {
	c := row(t, "F072", "200 processes write at once, again and again: one token for each round")
	w := newWorld(t)
	rounds := much(20, 2)
	for range rounds {
		v := w.fresh()
		before := w.exchanges()
		agree(c, v.storm(processes, "token"))
		c.that(w.exchanges() == before+1, "%d exchanges in a round", w.exchanges()-before)
	}
	c.counts(w, rounds, rounds, 0)
}
