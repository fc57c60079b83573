//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// The credential that every contender injects, and what clients send instead.
const (
	credential = "Bearer bench-credential-0123456789abcdefghijklmnopqrstuvwxyz"
	bulkBytes  = 32 << 20
	slowBytes  = 300 << 10
	eventEvery = 2 * time.Second
)

// upstreamMain is the API: raw TLS, as fast as a simple loop can be, so that it is
// not what is measured.
func upstreamMain(args []string) error {
	fs := flag.NewFlagSet("upstream", flag.ExitOnError)
	addr := fs.String("listen", "", "")
	cert := fs.String("cert", "", "")
	key := fs.String("key", "", "")
	_ = fs.Parse(args)
	pair, err := tls.LoadX509KeyPair(*cert, *key)
	if err != nil {
		return err
	}
	ln, err := tls.Listen("tcp", *addr, &tls.Config{
		Certificates:                []tls.Certificate{pair},
		NextProtos:                  []string{"http/1.1"},
		DynamicRecordSizingDisabled: true,
	})
	if err != nil {
		return err
	}
	u := &upstream{down: bytes.Repeat([]byte("d"), 64<<10)}
	u.json = []byte("HTTP/1.1 200 OK\r\nDate: Mon, 05 Jan 2026 10:00:00 GMT\r\nContent-Type: application/json\r\nrequest-id: req_011CSHoEeqs5C35K2UUqR7Fy\r\n" +
		"anthropic-organization-id: 9f8e7d6c-0000-4000-8000-000000000000\r\nServer: bench\r\nCF-RAY: 9a1b2c3d4e5f6789-FRA\r\nX-Robots-Tag: none\r\nContent-Length: 350\r\n\r\n" +
		`{"text":"` + strings.Repeat("x", 350-11) + `"}`)
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go u.serve(c)
	}
}

type upstream struct {
	json, down  []byte
	seen, wrong atomic.Int64
}

func (u *upstream) serve(c net.Conn) {
	defer c.Close()
	br := bufio.NewReaderSize(c, 4096)
	for {
		path, length, right, err := readRequest(br)
		if err != nil {
			return
		}
		if path == "/count" {
			s := fmt.Sprintf("%d %d", u.seen.Load(), u.wrong.Load())
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(s), s)
			continue
		}
		u.seen.Add(1)
		if !right {
			u.wrong.Add(1)
		}
		if _, err := io.CopyN(io.Discard, br, length); err != nil {
			return
		}
		switch path {
		case "/v1/stream":
			u.events(c)
			return
		case "/v1/down":
			u.bulk(c, bulkBytes)
		case "/v1/slow":
			u.bulk(c, slowBytes)
		default:
			_, err = c.Write(u.json)
		}
		if err != nil {
			return
		}
	}
}

// readRequest reads a head and judges its credential.
func readRequest(br *bufio.Reader) (path string, length int64, right bool, err error) {
	line, err := br.ReadSlice('\n')
	if err != nil {
		return "", 0, false, err
	}
	if f := bytes.Fields(line); len(f) == 3 {
		path = string(f[1])
	}
	found, bad := 0, false
	for {
		line, err = br.ReadSlice('\n')
		if err != nil {
			return "", 0, false, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return path, length, found == 1 && !bad, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			length, _ = strconv.ParseInt(string(value), 10, 64)
		case bytes.EqualFold(name, []byte("authorization")):
			found++
			bad = bad || string(value) != credential
		case bytes.EqualFold(name, []byte("x-api-key")), bytes.EqualFold(name, []byte("api-key")),
			bytes.EqualFold(name, []byte("x-goog-api-key")), bytes.EqualFold(name, []byte("proxy-authorization")):
			bad = true
		}
	}
}

// events sends one event every two seconds, with the time at which it was sent, to
// the end of the connection.
func (u *upstream) events(c net.Conn) {
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
	t := time.NewTicker(eventEvery)
	defer t.Stop()
	for {
		event := fmt.Sprintf("data: %019d %s\n\n", time.Now().UnixNano(), strings.Repeat("t", 170))
		if _, err := fmt.Fprintf(c, "%x\r\n%s\r\n", len(event), event); err != nil {
			return
		}
		<-t.C
	}
}

func (u *upstream) bulk(c net.Conn, n int) {
	fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", n)
	for n > 0 {
		k, err := c.Write(u.down[:min(n, len(u.down))])
		if err != nil {
			return
		}
		n -= k
	}
}
