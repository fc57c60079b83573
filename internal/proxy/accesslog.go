package proxy

import (
	"context"
	"io"
	"strconv"
	"sync"
	"time"
)

// How an access log is buffered: a line waits at most flushEvery, and never for
// more than flushAt bytes of others.
const (
	flushEvery = 100 * time.Millisecond
	flushAt    = 32 << 10
)

// AccessLog writes one JSON line for each finished request, refused ones and
// /health included: time, profile, method, path, status, bytes_in, bytes_out,
// duration_ms, request_id. What could not be known is null.
//
// Lines are buffered, because a system call for each would cost more than the rest
// of a request's bookkeeping; [AccessLog.Run] writes them out. It is an [Observer].
type AccessLog struct {
	mu   sync.Mutex
	w    io.Writer
	b    []byte
	err  error
	lost uint64
}

// NewAccessLog returns a log that writes whole lines to w.
func NewAccessLog(w io.Writer) *AccessLog { return &AccessLog{w: w} }

// Done adds a line.
func (l *AccessLog) Done(f *Finished) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b = appendAccessLine(l.b, f)
	if len(l.b) >= flushAt {
		l.flush()
	}
}

// Run writes lines out until ctx ends, and then those that are left. Call Flush
// after the last request.
func (l *AccessLog) Run(ctx context.Context) error {
	t := time.NewTicker(flushEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			_ = l.Flush()
		case <-ctx.Done():
			return l.Flush()
		}
	}
}

// Flush writes out what is buffered. After a failed write lines are dropped until
// one succeeds; it returns the last failure.
func (l *AccessLog) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	return l.err
}

// Reopen goes on with another writer, for a log that was rotated.
func (l *AccessLog) Reopen(w io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	l.w = w
}

func (l *AccessLog) flush() {
	if len(l.b) == 0 {
		return
	}
	_, l.err = l.w.Write(l.b)
	if l.err != nil {
		l.lost += uint64(len(l.b))
	}
	l.b = l.b[:0]
}

func appendAccessLine(b []byte, f *Finished) []byte {
	s := &f.Summary
	b = append(b, `{"time":"`...)
	b = s.Start.Add(s.Total).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, `","profile":`...)
	b = appendString(b, f.Profile)
	b = append(b, `,"method":`...)
	b = appendStringOrNull(b, f.Method)
	b = append(b, `,"path":`...)
	b = appendStringOrNull(b, f.Path)
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(s.Status), 10)
	b = append(b, `,"bytes_in":`...)
	b = strconv.AppendInt(b, s.BytesIn, 10)
	b = append(b, `,"bytes_out":`...)
	b = strconv.AppendInt(b, s.BytesOut, 10)
	b = append(b, `,"duration_ms":`...)
	b = strconv.AppendFloat(b, float64(s.Total.Microseconds())/1000, 'f', 3, 64)
	b = append(b, `,"request_id":"`...)
	b = f.AppendRequestID(b)
	return append(b, "\"}\n"...)
}

func appendStringOrNull(b, s []byte) []byte {
	if len(s) == 0 {
		return append(b, "null"...)
	}
	return appendString(b, s)
}
