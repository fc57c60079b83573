package serve

import (
	"io"
	"log"
	"net"
	"sync"
)

// mostConns bounds the connections of a small listener: it is asked by a scraper
// or two, not by crowds.
const mostConns = 64

// fewConns accepts no more than a number of connections at once.
type fewConns struct {
	net.Listener
	free chan struct{}
}

// Accept waits for a free place and then for a connection.
func (l *fewConns) Accept() (net.Conn, error) {
	l.free <- struct{}{}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &placed{Conn: conn, leave: sync.OnceFunc(func() { <-l.free })}, nil
}

// placed gives its place back when it is closed.
type placed struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *placed) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// silent drops what net/http would log about clients.
func silent() *log.Logger { return log.New(io.Discard, "", 0) }
