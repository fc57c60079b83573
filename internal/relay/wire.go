package relay

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// errBareEnd is the end of an upstream's TCP stream. Under TLS it is a truncation:
// only a close alert ends a TLS stream, and crypto/tls reports that as io.EOF.
var errBareEnd = errors.New("connection ended without a close alert")

// errWouldWait is what a probing read returns when nothing is there. It claims to
// be temporary, so that crypto/tls does not take it for the connection's end.
type errWouldWait struct{}

func (errWouldWait) Error() string   { return "nothing to read" }
func (errWouldWait) Timeout() bool   { return true }
func (errWouldWait) Temporary() bool { return true }

// maxRecord is the most plaintext in one TLS record (RFC 8446 section 5.1).
const maxRecord = 16 << 10

// fullRecord is a read that crypto/tls makes only once its buffer has grown for
// large records; a handshake does not.
const fullRecord = 12 << 10

// wire is the socket below an upstream's TLS. It tells a bare end from a close
// alert, can refuse to wait, gathers the records of one write into one system
// call, and follows record boundaries.
type wire struct {
	*sock
	probing bool
	got     int  // bytes read while probing
	secure  bool // TLS records pass
	full    bool // crypto/tls has grown its buffer to a full record

	cork []byte // records that wait for flush; nil: write through

	header [5]byte // of the record that is being read
	have   int
	left   int
}

// Read implements net.Conn for crypto/tls.
func (w *wire) Read(p []byte) (n int, err error) {
	if w.probing {
		n, err = w.try(p)
	} else {
		n, err = w.sock.Read(p)
	}
	if n > 0 && w.secure {
		w.follow(p[:n])
	}
	if len(p) > fullRecord {
		w.full = true
	}
	if err == io.EOF && n == 0 {
		err = errBareEnd
	}
	return n, err
}

func (w *wire) try(p []byte) (int, error) {
	if proxy, ok := w.Conn.(*secureProxy); ok {
		n, err := proxy.try(p)
		w.got += n
		return n, err
	}
	if !w.canTry() {
		return w.tryByDeadline(p)
	}
	n, again, err := w.tryRead(p)
	if again {
		return 0, errWouldWait{}
	}
	w.got += n
	return n, err
}

// tryByDeadline is for systems without reads that do not wait. A read time-out is
// harmless to a tls.Conn.
func (w *wire) tryByDeadline(p []byte) (int, error) {
	_ = w.sock.SetReadDeadline(now().Add(time.Millisecond))
	n, err := w.sock.Read(p)
	_ = w.sock.SetReadDeadline(time.Time{})
	w.got += n
	var timeout net.Error
	if n == 0 && errors.As(err, &timeout) && timeout.Timeout() {
		return 0, errWouldWait{}
	}
	return n, err
}

// follow keeps track of TLS record boundaries (RFC 8446 section 5.1: type,
// version, 16-bit length).
func (w *wire) follow(p []byte) {
	for len(p) > 0 {
		if w.left > 0 {
			n := min(w.left, len(p))
			w.left -= n
			p = p[n:]
			continue
		}
		n := copy(w.header[w.have:], p)
		w.have += n
		p = p[n:]
		if w.have == len(w.header) {
			w.have = 0
			w.left = int(w.header[3])<<8 | int(w.header[4])
		}
	}
}

// aligned reports whether all bytes so far end with a whole record.
func (w *wire) aligned() bool {
	if p, ok := w.Conn.(*secureProxy); ok && !p.under.aligned() {
		return false
	}
	return w.left == 0 && w.have == 0
}

// Write implements net.Conn for crypto/tls.
func (w *wire) Write(p []byte) (int, error) {
	if w.cork == nil {
		return w.sock.Write(p)
	}
	if len(w.cork)+len(p) > cap(w.cork) {
		if err := w.flush(); err != nil {
			return 0, err
		}
		if len(p) > cap(w.cork) {
			return w.sock.Write(p)
		}
	}
	w.cork = append(w.cork, p...)
	return len(p), nil
}

// flush writes what is gathered.
func (w *wire) flush() error {
	p := w.cork
	if w.cork == nil {
		return nil
	}
	w.cork = w.cork[:0]
	if len(p) == 0 {
		return nil
	}
	_, err := w.sock.Write(p)
	return err
}

// upConn is one connection to an upstream.
type upConn struct {
	io.ReadWriter // wire, or the TLS over it
	wire          *wire
	tls           *tls.Conn // nil without TLS
	u             *Upstream
	reused        bool
	since         time.Time // idle since
	closed        atomic.Bool
}

// abort closes the socket from whatever goroutine. It never waits: a tls.Conn's
// Close can take seconds for its alert.
func (c *upConn) abort() {
	if c.closed.CompareAndSwap(false, true) {
		_ = c.wire.Conn.Close()
		c.u.open.Add(-1)
	}
}

// retire closes a connection in good standing: with a close alert, as RFC 8446
// section 6.1 asks. Nothing is unsent then, so the alert does not wait.
func (c *upConn) retire() {
	if c.closed.CompareAndSwap(false, true) {
		if c.tls != nil {
			_ = c.tls.Close()
		} else {
			_ = c.wire.Conn.Close()
		}
		c.u.open.Add(-1)
	}
}

// quiet reports whether nothing waits to be read, on the socket or decrypted
// inside crypto/tls. Session tickets and key updates are nothing. What an upstream
// sends unasked must never become the next client's answer.
func (c *upConn) quiet() bool {
	var b [1]byte
	n, err := c.readNow(b[:])
	return n == 0 && errors.Is(err, errWouldWait{}) && (c.tls == nil && c.wire.got == 0 || c.tls != nil && c.wire.aligned())
}

// readNow reads what is there without waiting.
func (c *upConn) readNow(p []byte) (int, error) {
	c.wire.probing, c.wire.got = true, 0
	n, err := c.Read(p)
	c.wire.probing = false
	return n, err
}

// writeAll writes the parts with one system call.
func (c *upConn) writeAll(parts ...[]byte) error {
	total, count := 0, 0
	for _, p := range parts {
		if len(p) > 0 {
			total += len(p)
			count++
		}
	}
	if count > 1 || c.tls != nil && total > maxRecord {
		c.wire.cork = c.u.buffers.cork.get()[:0]
		defer func() {
			c.u.buffers.cork.put(c.wire.cork)
			c.wire.cork = nil
		}()
	}
	for _, p := range parts {
		if len(p) == 0 {
			continue
		}
		if _, err := c.Write(p); err != nil {
			return err
		}
	}
	return c.wire.flush()
}
