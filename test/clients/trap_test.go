//go:build unix

package clients

import (
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// setTrap is a company's proxy that no call to loopback may reach: the test fails
// for each connection. It returns the variables that lead there.
func setTrap(t *testing.T) environment {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var caught atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			caught.Add(1)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
		assert.Zero(t, caught.Load(), "connections to the proxy of HTTP_PROXY")
	})
	url := "http://user:password@" + ln.Addr().String()
	return environment{"HTTP_PROXY": url, "http_proxy": url}
}
