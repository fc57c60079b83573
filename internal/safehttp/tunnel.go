package safehttp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// maxProxyHead bounds the head of a proxy's answer, in bytes.
const maxProxyHead = 16 << 10

// throughProxy makes w.conn a tunnel to w.host (RFC 9110 section 9.3.6). Only the
// host, the port and the proxy's own credentials are shown to it.
func (c *Client) throughProxy(ctx context.Context, w *wire) error {
	if c.proxy.tls {
		if err := c.secure(ctx, w, c.proxy.host); err != nil {
			return err
		}
	}
	return proxyError(bounded(ctx, w.conn, func() error { return c.connectTunnel(w) }))
}

func (c *Client) connectTunnel(w *wire) error {
	req := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: w.host}, Host: w.host, Header: http.Header{
		"User-Agent": {""}, // none
	}}
	if !c.proxy.auth.IsZero() {
		req.Header.Set("Proxy-Authorization", c.proxy.auth.Reveal())
	}
	if err := req.Write(w.conn); err != nil {
		return err
	}
	br := bufio.NewReader(&io.LimitedReader{R: w.conn, N: maxProxyHead})
	res, err := http.ReadResponse(br, req) //nolint:bodyclose // the answer to a CONNECT has none
	if err != nil {
		if kind, _ := network(err); kind != "" {
			return err
		}
		return errors.New("it did not answer in HTTP")
	}
	switch {
	case res.StatusCode == http.StatusProxyAuthRequired:
		return &Error{Kind: ProxyAuth, Detail: "the proxy wants other credentials (HTTP 407)",
			Hint: "check user name and password in HTTPS_PROXY"}
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("it refused with HTTP %d", res.StatusCode)
	case br.Buffered() > 0:
		return errors.New("it sent something unasked")
	}
	return nil
}

// proxyError says that a failure was the proxy's.
func proxyError(err error) error {
	var own *Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	kind, detail := network(err)
	if kind == Canceled {
		return err
	}
	if kind == "" {
		detail = err.Error() // ours: connectTunnel
	}
	return &Error{Kind: Proxy, Detail: "the proxy failed: " + detail, Err: err}
}
