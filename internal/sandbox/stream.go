package sandbox

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// errBroken ends a connection that a fault has broken.
var errBroken = errors.New("broken by a fault")

// stream writes the body of one answer: in chunks or plain, dripping and
// breaking where the fault says so.
type stream struct {
	c       *conn
	f       *Fault
	chunked bool
	none    bool // HEAD, 204, 304: the body is left out
	sent    int
}

// Write sends p. In chunked coding p becomes one chunk, so that a fault can cut
// in the middle of one.
func (s *stream) Write(p []byte) (int, error) {
	if len(p) == 0 || s.none {
		return len(p), nil
	}
	if s.chunked {
		fmt.Fprintf(s.c.bw, "%x\r\n", len(p))
	}
	if err := s.payload(p); err != nil {
		return 0, err
	}
	if s.chunked {
		s.c.bw.WriteString("\r\n")
	}
	return len(p), nil
}

func (s *stream) payload(p []byte) error {
	for len(p) > 0 {
		n := len(p)
		if s.f != nil && s.f.DripBytes > 0 {
			n = min(n, s.f.DripBytes)
		}
		if s.f != nil && s.f.stage() == StageBody && s.sent <= s.f.At && s.f.At < s.sent+n {
			n = s.f.At - s.sent
			s.c.bw.Write(p[:n])
			s.sent += n
			p = p[n:]
			if err := s.act(); err != nil {
				return err
			}
			s.f = nil
			continue
		}
		if _, err := s.c.bw.Write(p[:n]); err != nil {
			return err
		}
		s.sent += n
		p = p[n:]
		if s.f != nil && s.f.DripBytes > 0 {
			if err := s.pause(time.Duration(s.f.DripEvery)); err != nil {
				return err
			}
		}
	}
	return nil
}

// act flushes what was sent so far and does what the fault does.
func (s *stream) act() error {
	if err := s.c.bw.Flush(); err != nil {
		return err
	}
	return s.c.act(s.f)
}

// finish ends the body; a fault that waits for a byte after the last one acts now.
func (s *stream) finish() error {
	if s.f != nil && s.f.stage() == StageBody && s.f.At >= s.sent {
		if err := s.act(); err != nil {
			return err
		}
	}
	if s.chunked && !s.none {
		s.c.bw.WriteString("0\r\n\r\n")
	}
	return s.c.bw.Flush()
}

// Flush sends what is buffered.
func (s *stream) Flush() error { return s.c.bw.Flush() }

// pause flushes and waits; it ends early when the sandbox closes.
func (s *stream) pause(d time.Duration) error {
	if err := s.c.bw.Flush(); err != nil {
		return err
	}
	return s.c.sandbox.wait(d)
}

// repeat writes unit again and again until size bytes are sent.
func (s *stream) repeat(unit string, size int64) error {
	block := []byte(unit)
	for len(block) < 32<<10 {
		block = append(block, unit...)
	}
	for size > 0 {
		n := min(size, int64(len(block)))
		if _, err := s.Write(block[:n]); err != nil {
			return err
		}
		size -= n
	}
	return nil
}

var _ io.Writer = (*stream)(nil)
