package child_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// terminal is a program on a terminal of its own.
type terminal struct {
	t      *testing.T
	master *os.File
	mu     sync.Mutex
	seen   strings.Builder
}

func onTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo terminals: ", err)
	}
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	require.NoError(t, cmd.Start())
	require.NoError(t, slave.Close())
	term := &terminal{t: t, master: master}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 4096)
		for {
			n, err := master.Read(b)
			term.mu.Lock()
			term.seen.Write(b[:n])
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
		_ = master.Close()
		<-done
	})
	return term
}

func (p *terminal) typed(s string) {
	p.t.Helper()
	_, err := p.master.WriteString(s)
	require.NoError(p.t, err)
}

func (p *terminal) shows(want string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return strings.Contains(p.text(), want) }, 20*time.Second, 5*time.Millisecond,
		"the terminal does not show %q", want)
}

func (p *terminal) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.String()
}

func TestTheTerminalsInterruptReachesTheProgramOnce(t *testing.T) {
	t.Parallel()
	// F158: the terminal has sent it to the whole group already.
	term := onTerminal(t, stand("sh", "-c", `trap 'echo INT-$((n=n+1))' INT; echo ready; while [ $n -lt 1 ]; do sleep 0.05; done; sleep 0.3; echo total-$n; exit 5`))
	term.shows("ready")
	term.typed("\x03")
	term.shows("total-1")
	term.shows("status 5")
}

func TestStopAndForeground(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	// F157: Ctrl-Z stops us and the program, fg continues both.
	shell := exec.Command(bash, "--norc", "--noprofile", "-i")
	shell.Env = append(os.Environ(), "PS1=prompt> ", standIn+"=1", "n=0")
	term := onTerminal(t, shell)
	term.shows("prompt> ")
	term.typed(os.Args[0] + ` sh -c 'echo re""ady; read x; echo "got $x"'` + "\n")
	term.shows("ready")
	term.typed("\x1a")
	term.shows("Stopped")
	term.typed("fg\n")
	term.typed("hello\n")
	term.shows("got hello")
	term.shows("status 0")
	term.typed("exit\n")
}

func TestAProgramThatStopsItselfAlone(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	// F157: the shell sees the job stop, and fg continues it.
	for _, row := range []struct{ name, program, stop, says string }{
		{"by a signal to its own process", `sh -c 'echo re""ady; kill -STOP $$; echo ba""ck; exit 7'`, "", ""},
		{"a shell with a process group of its own", bash + " --norc --noprofile -i", "suspend\n", "echo ba\"\"ck; exit 7\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			shell := exec.Command(bash, "--norc", "--noprofile", "-i")
			shell.Env = append(os.Environ(), "PS1=prompt> ", standIn+"=1")
			term := onTerminal(t, shell)
			term.shows("prompt> ")
			term.typed(os.Args[0] + " " + row.program + "\n")
			if row.stop != "" {
				require.Eventually(t, func() bool { return strings.Count(term.text(), "prompt> ") == 2 }, 20*time.Second, 5*time.Millisecond)
				term.typed(row.stop)
			}
			term.shows("Stopped")
			term.typed("fg\n" + row.says)
			term.shows("back")
			term.shows("status 7")
			term.typed("exit\n")
		})
	}
}
