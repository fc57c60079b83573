package identity

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// maxSaid bounds what is kept of a command's standard error, in bytes.
const maxSaid = 4 << 10

// result is what a run of a program left.
type result struct {
	stdout, stderr []byte
	err            error
}

// run starts the program and waits for the first of: its end, too much output,
// the timeout, the end of ctx. Then the whole process group is killed and both
// pipes are closed, whoever still holds their other ends.
func (c *command) run(ctx context.Context, path string, timeout time.Duration) result {
	if err := ctx.Err(); err != nil {
		return result{err: errors.New("was not started: there is no time left")}
	}
	stdout, stdoutWrite, err := os.Pipe()
	if err != nil {
		return result{err: fmt.Errorf("could not be started: %w", err)}
	}
	defer stdout.Close()
	stderr, stderrWrite, err := os.Pipe()
	if err != nil {
		_ = stdoutWrite.Close()
		return result{err: fmt.Errorf("could not be started: %w", err)}
	}
	defer stderr.Close()

	cmd := &exec.Cmd{Path: path, Args: c.argv, Env: c.environ, Stdout: stdoutWrite, Stderr: stderrWrite}
	runtime.LockOSThread() // see attributes
	defer runtime.UnlockOSThread()
	group := newGroup(cmd)
	defer group.close()
	err = cmd.Start()
	_ = stdoutWrite.Close()
	_ = stderrWrite.Close()
	if err != nil {
		return result{err: startError(err)}
	}
	group.started(cmd.Process)

	out := capture(stdout, maxSource+1, true)
	said := capture(stderr, maxSaid, false)
	var waited error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		waited = cmd.Wait()
	}()

	timer := c.clock.NewTimer(timeout)
	defer timer.Stop()
	var failed error
	select {
	case <-ended:
		failed = waited
	case <-out.full:
		failed = errTooMuch
	case <-timer.C():
		failed = fmt.Errorf("did not end within %s and was killed", timeout)
	case <-ctx.Done():
		failed = errors.New("was killed: the time for the whole attempt is over")
	}
	group.kill(cmd.Process)
	<-ended
	r := result{stdout: out.end(), stderr: said.end(), err: failed}
	if r.err == nil && len(r.stdout) > maxSource {
		r.err = errTooMuch
	}
	return r
}

// startError words why a program could not be started.
func startError(err error) error {
	var pe *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("does not exist, or its interpreter does not")
	case errors.Is(err, fs.ErrPermission):
		return errNotExecutable
	case errors.As(err, &pe):
		err = pe.Err
	}
	return fmt.Errorf("could not be started: %w", err)
}

// pipeEnd collects what comes out of a pipe, up to a bound; beyond it the rest is
// read and dropped, or reading stops.
type pipeEnd struct {
	file *os.File
	most int
	data []byte
	full chan struct{} // closed when the bound is reached and reading stops
	done chan struct{}
}

func capture(file *os.File, most int, stop bool) *pipeEnd {
	p := &pipeEnd{file: file, most: most, full: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		buf := make([]byte, 4<<10)
		for {
			n, err := file.Read(buf)
			p.keep(buf[:n])
			if stop && len(p.data) == most {
				close(p.full)
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return p
}

func (p *pipeEnd) keep(b []byte) { p.data = append(p.data, b[:min(len(b), p.most-len(p.data))]...) }

// end is called when the program has ended: all that it wrote is in the pipe by
// now. It does not wait for a process that left the group and holds the other end.
func (p *pipeEnd) end() []byte {
	interrupt(p.file)
	<-p.done
	select {
	case <-p.full:
	default:
		p.drain()
	}
	return p.data
}
