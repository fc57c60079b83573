package serve

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// LogFile is a log of one JSON object a line. Lines are collected and written
// together: a line for each request must not cost a system call for each.
//
// A line that cannot be written is lost, with one warning: a full disk must not
// stop requests.
type LogFile struct {
	open func() (io.WriteCloser, error)
	log  *slog.Logger

	mu     sync.Mutex
	b      bytes.Buffer
	spare  bytes.Buffer
	out    io.WriteCloser
	failed bool
	some   chan struct{} // the first line of a batch was added
	full   chan struct{} // a batch is large

	writing sync.Mutex // held while a batch is written, so that batches keep their order
}

// A batch is written when it is this old or this large.
const (
	batchAge   = 20 * time.Millisecond
	batchBytes = 32 << 10
	mostBytes  = 4 << 20 // of lines that wait for a slow disk; what is more is lost
)

// OpenLog opens a log: the file at path, 0600, or with "-" out.
func OpenLog(path string, out io.Writer, log *slog.Logger) (*LogFile, error) {
	l := &LogFile{log: log, some: make(chan struct{}, 1), full: make(chan struct{}, 1)}
	l.open = func() (io.WriteCloser, error) { return openAppend(path) }
	if path == "-" {
		l.open = func() (io.WriteCloser, error) { return keepOpen{out}, nil }
	}
	var err error
	l.out, err = l.open()
	return l, err
}

// keepOpen is a stream that is not ours to close.
type keepOpen struct{ io.Writer }

func (keepOpen) Close() error { return nil }

// line adds a line; write appends it, with its end, to the buffer.
func (l *LogFile) line(write func(b *bytes.Buffer)) {
	l.mu.Lock()
	first := l.b.Len() == 0
	lost := l.b.Len() > mostBytes
	if !lost {
		write(&l.b)
	}
	large := l.b.Len() > batchBytes
	l.mu.Unlock()
	if first {
		signal(l.some)
	}
	if large {
		signal(l.full)
	}
}

// signal tells who waits for c, once however often.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Flush writes what was collected.
func (l *LogFile) Flush() {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	l.b, l.spare = l.spare, l.b
	l.mu.Unlock()
	if l.spare.Len() == 0 {
		return
	}
	_, err := l.out.Write(l.spare.Bytes())
	if l.spare.Cap() > 2*batchBytes {
		l.spare = bytes.Buffer{}
	}
	l.spare.Reset()
	if err != nil && !l.failed {
		l.log.Warn("lines of a log were lost", "reason", err)
	}
	l.failed = err != nil
}

// Reopen opens the file anew, after it was rotated. When that fails, the old one
// stays.
func (l *LogFile) Reopen() error {
	l.Flush()
	out, err := l.open()
	if err != nil {
		return err
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	_ = l.out.Close()
	l.out = out
	return nil
}

// run writes batches until ctx ends, and then the rest. An idle log wakes nobody.
func (l *LogFile) run(ctx context.Context) {
	for {
		select {
		case <-l.some:
		case <-ctx.Done():
			l.Flush()
			return
		}
		t := time.NewTimer(batchAge)
		select {
		case <-t.C:
		case <-l.full:
		case <-ctx.Done():
		}
		t.Stop()
		l.Flush()
	}
}

// Close writes the rest and closes the file.
func (l *LogFile) Close() error {
	l.Flush()
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.out.Close()
}
