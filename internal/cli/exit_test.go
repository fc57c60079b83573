package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/clock"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// system is an outside world without anything in it.
func system(env ...string) (System, *bytes.Buffer, *bytes.Buffer) {
	var out, err bytes.Buffer
	return System{In: strings.NewReader(""), Out: &out, Err: &err, Env: env, Clock: clock.System{}, GOOS: "linux"}, &out, &err
}

func TestClassesAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/exit-codes.md")
	require.NoError(t, err)
	for _, c := range classes {
		assert.Contains(t, string(text), fmt.Sprintf("| %d | `%s` |", c.code, c.cause))
		assert.Contains(t, helpText(Command("linux")), fmt.Sprintf("\n  %d    %s: ", c.code, c.cause))
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		err  error
		code int
	}{
		{"a typed error has its class", &exchange.Error{Cause: exchange.Refused}, 4},
		{"and so has one that wraps it", fmt.Errorf("x: %w", &exchange.Error{Cause: exchange.Identity}), 3},
		{"problems of the configuration are usage", &config.Problems{List: []config.Problem{{Text: "x"}}}, 2},
		{"a deadline is unavailable", context.DeadlineExceeded, 5},
		{"a bare class", exchange.Storage, 6},
		{"anything else is a defect", errors.New("x"), 1},
		{"a class that is not known is a defect", &exchange.Error{Cause: "other"}, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			_, code := classify(row.err)
			assert.Equal(t, row.code, code)
		})
	}
}

func TestTheBlockOfAnError(t *testing.T) {
	t.Parallel()
	refused := &exchange.Error{Provider: "anthropic", Step: "exchange", Cause: exchange.Refused, Status: 401,
		Code: "authentication_error", RequestID: "req_1", Hint: "first\nsecond"}
	for _, row := range []struct {
		name string
		err  error
		want string
	}{
		{"what, why, next steps, class and request id", refused,
			"awf-cred: anthropic exchange: HTTP 401: authentication_error\nhint: first\nhint: second\n(refused, exit 4, request id req_1)\n"},
		{"without a hint", &exchange.Error{Step: "lock", Cause: exchange.Unavailable, Description: "another process holds it"},
			"awf-cred: lock: another process holds it\n(unavailable, exit 5)\n"},
		{"several problems are indented", &config.Problems{List: []config.Problem{{Text: "a", Mend: []string{"m"}}, {Text: "::b"}}},
			"awf-cred: 2 problems in the configuration\n  a\n  ::b\nhint: m\n(usage, exit 2)\n"},
		{"controls are escaped", errors.New("a\x1b[31m\r\u202eb"),
			"awf-cred: a\\x1b[31m\\r\\u202eb\n(internal, exit 1)\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			sys, _, stderr := system()
			newApp(sys).fail(row.err, false)
			assert.Equal(t, row.want, stderr.String())
		})
	}
}

func TestASharedRefusalSaysSo(t *testing.T) {
	t.Parallel()
	sys, _, stderr := system()
	newApp(sys).fail(&exchange.Error{Step: "exchange", Cause: exchange.Refused, Shared: true}, false)
	assert.Contains(t, stderr.String(), "another run")
}

func TestColourIsForTerminals(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		tty  bool
		env  []string
		want bool
	}{
		{"a terminal", true, nil, true},
		{"no terminal", false, nil, false},
		{"NO_COLOR", true, []string{"NO_COLOR=1"}, false},
		{"an empty NO_COLOR says nothing", true, []string{"NO_COLOR="}, true},
		{"a terminal that cannot", true, []string{"TERM=dumb"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			sys, _, stderr := system(row.env...)
			sys.TTY = row.tty
			newApp(sys).fail(errors.New("x"), false)
			assert.Equal(t, row.want, strings.Contains(stderr.String(), "\x1b["))
		})
	}
}

func TestAPanicPrintsAFixedText(t *testing.T) {
	t.Parallel()
	sys, stdout, stderr := system()
	a := newApp(sys)
	code := a.guarded(func() int { panic("sk-ant-oat01-canary") })
	assert.Equal(t, 1, code)
	assert.Empty(t, stdout.String())
	assert.Contains(t, stderr.String(), "(internal, exit 1)")
	assert.NotContains(t, stderr.String(), "canary")
	assert.NotContains(t, stderr.String(), "goroutine")
}

func TestArgumentsThatWereNotParsedStillSayJSON(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"two words", []string{"token", "--format", "json", "--x"}, "json"},
		{"one word", []string{"token", "--format=json"}, "json"},
		{"the last counts", []string{"--format", "json", "--format=text"}, "text"},
		{"not after --", []string{"exec", "--", "x", "--format", "json"}, ""},
		{"no value", []string{"--format"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, row.want, argument(row.args, "format"))
		})
	}
}

// failing is standard output that does not take what it is given.
type failing struct {
	n   int
	err error
}

func (f failing) Write(b []byte) (int, error) { return min(f.n, len(b)), f.err }

func TestDelivery(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		w    io.Writer
		want error
	}{
		{"whole", &bytes.Buffer{}, nil},
		{"an error", failing{0, errors.New("no space")}, exchange.Storage},
		{"half of it, in silence", failing{3, nil}, exchange.Storage},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			assert.ErrorIs(t, newDelivery(row.w).send("the token", []byte("token\n")), row.want)
		})
	}
}

func TestNothingIsDeliveredAfterAnInterruption(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	d := newDelivery(&b)
	assert.True(t, d.shut())
	require.NoError(t, d.send("the token", []byte("token\n")))
	assert.Empty(t, b.String())

	d = newDelivery(&b)
	require.NoError(t, d.send("the token", []byte("token\n")))
	assert.False(t, d.shut(), "what was delivered is not taken back")
}

func TestMasksAreSaidOnce(t *testing.T) {
	t.Parallel()
	sys, _, stderr := system("GITHUB_ACTIONS=true")
	a := newApp(sys)
	c := staticCredential(&config.Profile{Provider: "anthropic", Static: &config.Static{}})
	a.masks.hideCredential(c)
	assert.Empty(t, stderr.String(), "nothing to hide")
	for range 2 {
		a.masks.hide(secret.New("first"), secret.New("second"))
	}
	assert.Equal(t, "::add-mask::first\n::add-mask::second\n", stderr.String())
}

// Whatever an error holds, no line of its text begins with anything but our words,
// and nothing in it steers a terminal (T15, T42).
func FuzzBlock(f *testing.F) {
	f.Add("plain", "hint", "req_1")
	f.Add("a\n::set-env name=PATH::/evil", "x\n::add-mask::y", "r\n::z")
	f.Add("\x1b]8;;http://evil.test\x07\r\n##[error]", "\u2028\u202e\u0085", "\xff\x00")
	f.Fuzz(func(t *testing.T, text, hint, id string) {
		sys, _, stderr := system()
		newApp(sys).fail(&exchange.Error{Step: "exchange", Cause: exchange.Refused, Description: text, Hint: hint, RequestID: id}, false)
		for line := range strings.Lines(stderr.String()) {
			ours := false
			for _, begin := range []string{"awf-cred: ", "  ", "hint: ", "(refused, exit 4"} {
				ours = ours || strings.HasPrefix(line, begin)
			}
			assert.True(t, ours, "%q", line)
			for _, r := range strings.TrimSuffix(line, "\n") {
				assert.True(t, strconv.IsPrint(r), "%q", line)
			}
		}
	})
}

// A token that is out is not taken back by a status that says it never came.
func TestASignalDuringTheDeliveryWaitsForIt(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name       string
		delivering bool
		want       int
	}{
		{"before it", false, statusINT},
		{"during it", true, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			sys, _, _ := system()
			a := newApp(sys)
			if row.delivering {
				require.True(t, a.out.claim())
			}
			done := make(chan int, 1)
			done <- 0
			cancelled := false
			assert.Equal(t, row.want, a.interrupt(os.Interrupt, func(error) { cancelled = true }, done))
			assert.True(t, cancelled)
		})
	}
}

func TestAnInterruptedCommandThatHangsIsLeft(t *testing.T) {
	t.Parallel()
	sys, _, _ := system()
	a := newApp(sys)
	assert.Equal(t, statusTERM, a.interrupt(syscall.SIGTERM, func(error) {}, make(chan int)))
}
