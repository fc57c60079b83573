//go:build linux

package chaos

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// stepped returns a copy whose product has another wall clock.
func (w *world) stepped(by time.Duration) *world {
	w.t.Helper()
	bin, err := testclock()
	require.NoError(w.t, err)
	changed := w.with("AWF_CRED_TEST_CLOCK_OFFSET=" + by.String())
	changed.bin = bin
	return changed
}

// suspended returns a copy in which the machine has slept for that long: the
// clock since boot is ahead.
func (w *world) suspended(seconds int) *world {
	return w.under("unshare", "--time", "--boottime", itoa(seconds), "--fork")
}

func needTimeNamespace(t *testing.T) {
	t.Helper()
	need(t, "unshare")
	if out, err := exec.Command("unshare", "--time", "--boottime", "10", "--fork", "true").CombinedOutput(); err != nil {
		t.Skipf("no time namespaces: %v %s", err, out)
	}
}

func tokenLife(d time.Duration) sandbox.Option {
	return sandbox.With(func(c *sandbox.Config) { c.Rule.TokenLifetime = d })
}

func TestF100AnotherClockThanTheServers(t *testing.T) {
	t.Parallel()
	c := row(t, "F100, F057", "the server's clock is ahead or behind: a token if it accepts, never a longer one")
	for _, by := range []time.Duration{-24 * time.Hour, -5 * time.Minute, -31 * time.Second, -29 * time.Second, 29 * time.Second, 31 * time.Second, 5 * time.Minute, 24 * time.Hour} {
		w := newWorld(t, shortLife, opaqueJob)
		w.sb.ClockOffset(by)
		r := w.run("token", "--format", "json")
		c.that(r.code == 0, "the mint and the vendor agree, we are off by %v: %v", -by, r)
		left := jsonNumber(r.out, "expires_in")
		c.that(left > 0 && left <= 600 || left <= 3600, "%v: expires in %v", by, left)
		r = w.run("token")
		_, ok := r.token()
		c.that(ok && w.exchanges() == 1, "a hit: %v", r)
	}
	for _, f := range []sandbox.Fault{{DateOffset: sandbox.Duration(31 * time.Second)}, {DateOffset: sandbox.Duration(6 * time.Minute)},
		{DateOffset: sandbox.Duration(24 * time.Hour)}, {DateOffset: sandbox.Duration(-24 * time.Hour)}, {NoDate: true}, {Date: "garbage"}} {
		w := newWorld(t, shortLife, opaqueJob)
		w.sb.AddFault(sandbox.AnthropicToken, f.Always())
		r := w.run("token", "--format", "json")
		left := jsonNumber(r.out, "expires_in")
		c.that(r.code == 0 && left <= 3600, "a Date that is off: %v", r)
	}
}

func TestF101F102TheWallClockIsStepped(t *testing.T) {
	t.Parallel()
	c := row(t, "F101, F102", "the wall clock is stepped between two runs")
	for _, one := range []struct {
		name  string
		by    time.Duration
		hit   bool
		sleep int // seconds that the clock since boot ran meanwhile
	}{
		{"back by 30 s", -30 * time.Second, true, 0},
		{"back by 2 min", -2 * time.Minute, false, 0},
		{"back by an hour", -time.Hour, false, 0},
		{"back by a day", -24 * time.Hour, false, 0},
		{"forward by 5 min of 10", 5 * time.Minute, true, 0},
		{"forward by an hour", time.Hour, false, 0},
		{"back by 30 s, but the lifetime is over", -30 * time.Second, false, 700},
		{"not at all, but the lifetime is over", 0, false, 700},
		{"not at all, half the lifetime", 0, true, 300},
	} {
		w := newWorld(t, tokenLife(10*time.Minute))
		v := w.stepped(one.by)
		if one.sleep > 0 {
			if _, err := exec.LookPath("unshare"); err != nil {
				c.note("%s needs unshare", one.name)
				continue
			}
			if err := exec.Command("unshare", "--time", "--boottime", "10", "--fork", "true").Run(); err != nil {
				c.note("%s needs time namespaces", one.name)
				continue
			}
			v = v.suspended(one.sleep)
		}
		first := w.warm()
		w.sb.ClockOffset(one.by)
		r := v.run("token")
		token, ok := r.token()
		c.that(ok && (token == first) == one.hit && w.exchanges() == 1+btoi(!one.hit), "%s: %v", one.name, r)
		r = v.run("token")
		again, ok := r.token()
		c.that(ok && again == token && w.exchanges() == 1+btoi(!one.hit), "%s, nothing else: %v", one.name, r)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestF103TheMachineSleeps(t *testing.T) {
	t.Parallel()
	needTimeNamespace(t)
	c := row(t, "F103", "asleep for longer than the lifetime, the wall clock not yet set: one exchange")
	w := newWorld(t, tokenLife(10*time.Minute))
	first := w.warm()
	v := w.suspended(3600)
	tokens := map[string]bool{}
	for _, p := range v.storm(20, "token") {
		r := p.wait()
		token, ok := r.token()
		c.that(ok && token != first, "%v", r)
		tokens[token] = true
	}
	c.that(len(tokens) == 1 && w.exchanges() == 2, "%d tokens, %d exchanges", len(tokens), w.exchanges())
}

func TestF105TheEndsOfTime(t *testing.T) {
	t.Parallel()
	c := row(t, "F105", "the year 1970, 2038, 2100; TZ garbage; times at the edges in the entry")
	now := time.Now()
	for _, year := range []string{"1970-01-01T01:00:00Z", "2038-01-19T03:14:07Z", "2100-03-01T00:00:00Z", "2261-01-01T00:00:00Z"} {
		at, err := time.Parse(time.RFC3339, year)
		require.NoError(t, err)
		w := newWorld(t, shortLife, opaqueJob)
		by := at.Sub(now)
		w.sb.ClockOffset(by)
		r := w.stepped(by).run("token")
		_, ok := r.token()
		c.that(ok, "%s: %v", year, r)
		c.that((at.Year() == 1970) == contains(r.err, "clock"), "%s: it says that the clock is not set: %v", year, r)
		r = w.stepped(by).run("token")
		_, ok = r.token()
		c.that(ok && w.exchanges() == 1, "%s, a hit: %v", year, r)
	}
	w := newWorld(t)
	for _, tz := range []string{"garbage", ":/etc/shadow", "right/UTC", "\x1b[2J", "../../../../dev/zero"} {
		r := w.with("TZ="+tz).run("token", "--force-refresh")
		_, ok := r.token()
		c.that(ok && clean(r.err), "TZ=%q: %v", tz, r)
	}
	whole, err := os.ReadFile(w.entry())
	require.NoError(t, err)
	at := bytes.Index(whole, []byte(`"expires_at":"`)) + len(`"expires_at":"`)
	end := at + bytes.IndexByte(whole[at:], '"')
	for _, edge := range []string{"0000-01-01T00:00:00Z", "1901-12-13T20:45:52Z", "2038-01-19T03:14:08Z", "9999-12-31T23:59:59Z", "292277026596-12-04T15:30:07Z", "9223372036854775807", ""} {
		body := append(append(bytes.Clone(whole[:at]), edge...), whole[end:]...)
		write(t, w.entry(), string(resealed(body)), 0o600)
		before := w.exchanges()
		r := w.run("token")
		_, ok := r.token()
		c.that(ok && w.exchanges() == before+1, "expires_at %q with a digest that is right: %v", edge, r)
	}
}

func TestF106EveryLifetime(t *testing.T) {
	t.Parallel()
	c := row(t, "F106", "lifetimes from 1 s to a day: handed out while fresh, new ones with one warning at most")
	for _, seconds := range []int{1, 5, 30, 59, 60, 61, 119, 120, 121, 300, 600, 3600, 86400} {
		w := newWorld(t, opaqueJob)
		w.sb.AddFault(sandbox.AnthropicToken, sandbox.Fault{Status: 200, Body: `{"access_token":"sk-ant-oat01-first","token_type":"Bearer","expires_in":` + itoa(seconds) + `}`})
		for range 2 { // the second answer, if any, is the vendor's own
			w.sb.AddFault(sandbox.AnthropicToken, sandbox.Fault{})
		}
		r := w.run("token")
		_, ok := r.token()
		c.that(ok, "%d s: %v", seconds, r)
		if seconds >= 59 {
			r = w.run("token")
			_, ok = r.token()
			c.that(ok && r.err == "" && w.exchanges() == 1, "%d s, a hit: %v", seconds, r)
			margin := min(120, seconds/4)
			v := w.stepped(time.Duration(seconds-margin+2) * time.Second)
			w.sb.ClockOffset(time.Duration(seconds-margin+2) * time.Second)
			r = v.run("token")
			token, ok := r.token()
			c.that(ok && token != "sk-ant-oat01-first" && w.exchanges() == 2, "%d s, below its margin: %v", seconds, r)
		}
	}
	w := newWorld(t, tokenLife(time.Minute))
	r := w.run("token", "--min-ttl", "5m")
	_, ok := r.token()
	c.that(ok && countLines(r.err, "lives shorter") == 1, "a new one below --min-ttl comes with one warning: %v", r)
	w.sb.AddFault(sandbox.AnthropicToken, sandbox.Status(503).Always())
	r = w.run("token", "--min-ttl", "5m", "--timeout", "3s")
	c.that(r.fails(5) && contains(r.err, "left"), "an older one is never handed out: %v", r)
}
