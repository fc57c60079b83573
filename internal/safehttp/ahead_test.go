package safehttp_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/safehttp"
)

func urlOf(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	require.NoError(t, err)
	return u
}

func TestTheRequestTakesTheConnectionThatWasMadeAhead(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	shaken := make(chan struct{}, 8)
	s := serve(t, &tls.Config{Certificates: []tls.Certificate{a.leaf(t, nil)}}, func(c net.Conn) {
		shaken <- struct{}{}
		answer(ok)(c)
	})
	c := client(t, safehttp.Options{CAFile: a.file})
	release := c.Ahead(context.Background(), urlOf(t, "https://"+s.addr+"/v1/oauth/token"))
	again := c.Ahead(context.Background(), urlOf(t, "https://"+s.addr+"/other")) // one is enough
	<-shaken                                                                     // before there is a request
	assert.Zero(t, s.bytes.Load(), "nothing is sent ahead")
	_, body, err := post(t, c, "https://"+s.addr+"/v1/oauth/token")
	require.NoError(t, err)
	assert.Equal(t, "{}", body)
	assert.EqualValues(t, 1, s.conns.Load())
	release()
	again()

	_, _, err = post(t, c, "https://"+s.addr+"/v1/oauth/token")
	require.NoError(t, err)
	assert.EqualValues(t, 2, s.conns.Load(), "it serves one request")
}

func TestAConnectionThatNoRequestTookIsClosed(t *testing.T) {
	t.Parallel()
	came, ended := make(chan struct{}, 1), make(chan error, 1)
	s := serve(t, nil, func(c net.Conn) {
		came <- struct{}{}
		_, err := c.Read(make([]byte, 1))
		ended <- err
	})
	c := client(t, safehttp.Options{})
	release := c.Ahead(context.Background(), urlOf(t, "http://"+s.addr))
	<-came
	release()
	require.ErrorIs(t, <-ended, io.EOF)
}

func TestAConnectionThatWaitedTooLongIsNotUsed(t *testing.T) {
	t.Parallel()
	s := serve(t, nil, answer(ok))
	c := client(t, safehttp.Options{})
	c.AgeAhead()
	defer c.Ahead(context.Background(), urlOf(t, "http://"+s.addr))()
	_, _, err := post(t, c, "http://"+s.addr)
	require.NoError(t, err)
	assert.EqualValues(t, 2, s.conns.Load())
}

func TestAFailureAheadIsTheRequests(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dead := "http://" + l.Addr().String()
	require.NoError(t, l.Close())
	c := client(t, safehttp.Options{})
	defer c.Ahead(context.Background(), urlOf(t, dead))()
	_, _, err = post(t, c, dead)
	e := failure(t, err)
	assert.Equal(t, safehttp.Dial, e.Kind)
	assert.True(t, e.Unsent)

	c.Ahead(context.Background(), urlOf(t, "http://example.com"))() // not a URL that secrets go to
	_, _, err = post(t, c, "http://example.com")
	assert.Equal(t, safehttp.Endpoint, failure(t, err).Kind)
}

func TestAConnectionThatDoesNotComeIsWaitedForAsLongAsTheRequestMay(t *testing.T) {
	t.Parallel()
	s := serve(t, nil, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }) // never shakes hands
	c := client(t, safehttp.Options{})
	release := c.Ahead(context.Background(), urlOf(t, "https://"+s.addr))
	defer release()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+s.addr, nil)
	require.NoError(t, err)
	_, err = c.Do(req)
	e := failure(t, err)
	assert.Equal(t, safehttp.Canceled, e.Kind)
	assert.Equal(t, s.addr, e.Host)
	assert.True(t, e.Unsent)
}
