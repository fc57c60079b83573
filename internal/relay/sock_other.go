//go:build !unix

package relay

import "net"

// sock is a socket; here every read and write waits.
type sock struct {
	net.Conn
	pool *buffers
}

func newSock(c net.Conn, pool *buffers) *sock { return &sock{Conn: c, pool: pool} }

func (s *sock) canTry() bool { return false }

func (s *sock) tryRead([]byte) (int, bool, error) { return 0, true, nil }

func (s *sock) tryWrite(p []byte) (int, error) { return s.Write(p) }

func (s *sock) readIdle(p []byte) ([]byte, int, error) { return s.readHeld(p) }
