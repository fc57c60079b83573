//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// target is where a client part connects.
type target struct {
	addr, ca, auth string
}

func targetFlags(fs *flag.FlagSet) *target {
	t := &target{}
	fs.StringVar(&t.addr, "target", "", "")
	fs.StringVar(&t.ca, "ca", "", "of a TLS target")
	return t
}

func (t *target) dial() (net.Conn, error) {
	if t.ca == "" {
		t.auth = "Bearer wrong"
		return net.Dial("tcp", t.addr)
	}
	t.auth = credential
	pem, err := os.ReadFile(t.ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return tls.Dial("tcp", t.addr, &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}})
}

// request is what a vendor's SDK sends, with two credentials that have to go.
func (t *target) request(method, path string, body int) []byte {
	key := "X-Api-Key: wrong\r\n"
	if t.ca != "" {
		key = ""
	}
	head := method + " " + path + " HTTP/1.1\r\nHost: " + t.addr + "\r\nConnection: keep-alive\r\nAccept: application/json\r\n" +
		"X-Stainless-Retry-Count: 0\r\nX-Stainless-Timeout: 600\r\nX-Stainless-Lang: js\r\nX-Stainless-Package-Version: 1.12.0\r\n" +
		"X-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\nX-Stainless-Runtime: node\r\nX-Stainless-Runtime-Version: v20.20.0\r\n" +
		"anthropic-version: 2023-06-01\r\nUser-Agent: Anthropic/JS 1.12.0\r\nContent-Type: application/json\r\n" +
		"Authorization: " + t.auth + "\r\n" + key + "Accept-Language: *\r\nSec-Fetch-Mode: cors\r\nAccept-Encoding: gzip, deflate\r\n"
	if method == "POST" {
		head += "Content-Length: " + strconv.Itoa(body) + "\r\n"
	}
	return append([]byte(head+"\r\n"), bytes.Repeat([]byte("b"), body)...)
}

// readReply reads a reply with a length and returns its status.
func readReply(br *bufio.Reader) (status int, body int64, err error) {
	line, err := br.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(line) < 12 {
		return 0, 0, errors.New("short status line")
	}
	status, _ = strconv.Atoi(string(line[9:12]))
	length := int64(-1)
	for {
		line, err = br.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		if len(line) == 2 {
			break
		}
		if len(line) > 15 && bytes.EqualFold(line[:15], []byte("content-length:")) {
			length, _ = strconv.ParseInt(string(bytes.TrimSpace(line[15:])), 10, 64)
		}
	}
	if length < 0 {
		return status, 0, nil
	}
	n, err := io.CopyN(io.Discard, br, length)
	return status, n, err
}

type loadResult struct {
	Requests, Errors int
	Seconds          float64
	P50, P99         float64 // microseconds
}

// loadMain keeps a number of connections busy for a while.
func loadMain(args []string) error {
	fs := flag.NewFlagSet("load", flag.ExitOnError)
	t := targetFlags(fs)
	clients := fs.Int("c", 1, "")
	body := fs.Int("body", 250, "")
	length := fs.Duration("for", 3*time.Second, "")
	_ = fs.Parse(args)
	conns := make([]net.Conn, *clients)
	for i := range conns {
		c, err := t.dial()
		if err != nil {
			return err
		}
		conns[i] = c
	}
	request := t.request("POST", "/v1/messages", *body)
	var mu sync.Mutex
	var all []uint32
	var failed int
	var wg sync.WaitGroup
	start := time.Now()
	end := start.Add(*length)
	for _, c := range conns {
		wg.Go(func() {
			br := bufio.NewReaderSize(c, 4096)
			mine := make([]uint32, 0, 1<<14)
			bad := 0
			for {
				began := time.Now()
				if began.After(end) {
					break
				}
				_, err := c.Write(request)
				status := 0
				if err == nil {
					status, _, err = readReply(br)
				}
				if err != nil || status != 200 {
					bad++
					if err != nil {
						break
					}
				}
				mine = append(mine, uint32(time.Since(began).Microseconds()))
			}
			mu.Lock()
			all = append(all, mine...)
			failed += bad
			mu.Unlock()
			_ = c.Close()
		})
	}
	wg.Wait()
	r := loadResult{Requests: len(all), Errors: failed, Seconds: time.Since(start).Seconds()}
	slices.Sort(all)
	if len(all) > 0 {
		r.P50, r.P99 = float64(all[len(all)/2]), float64(all[len(all)*99/100])
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

type holdResult struct {
	Events, Errors int
	P50, P99       float64 // microseconds
}

// holdMain opens streams one by one, says "open" on standard output, waits for a
// line on standard input, and then times events for a while.
func holdMain(args []string) error {
	fs := flag.NewFlagSet("hold", flag.ExitOnError)
	t := targetFlags(fs)
	n := fs.Int("n", 1000, "")
	length := fs.Duration("for", 10*time.Second, "")
	_ = fs.Parse(args)
	var mu sync.Mutex
	var delays []float64
	failed, timing := 0, false
	for range *n {
		c, err := t.dial()
		if err != nil {
			return err
		}
		if _, err := c.Write(t.request("GET", "/v1/stream", 0)); err != nil {
			return err
		}
		br := bufio.NewReaderSize(c, 1024)
		for {
			line, err := br.ReadString('\n')
			if err != nil {
				return err
			}
			if line == "\r\n" {
				break
			}
		}
		go func() {
			for {
				line, err := br.ReadSlice('\n')
				now := time.Now().UnixNano()
				mu.Lock()
				if err != nil {
					failed++
					mu.Unlock()
					return
				}
				if v, ok := bytes.CutPrefix(line, []byte("data: ")); ok && timing {
					sent, _ := strconv.ParseInt(string(v[:19]), 10, 64)
					delays = append(delays, float64(now-sent)/1000)
				}
				mu.Unlock()
			}
		}()
	}
	fmt.Println("open")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	mu.Lock()
	timing = true
	mu.Unlock()
	time.Sleep(*length)
	mu.Lock()
	defer mu.Unlock()
	r := holdResult{Events: len(delays), Errors: failed}
	slices.Sort(delays)
	if len(delays) > 0 {
		r.P50, r.P99 = delays[len(delays)/2], delays[len(delays)*99/100]
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// slowMain lets clients with small receive buffers read a reply slowly, all at once.
func slowMain(args []string) error {
	fs := flag.NewFlagSet("slow", flag.ExitOnError)
	t := targetFlags(fs)
	n := fs.Int("n", 1000, "")
	_ = fs.Parse(args)
	var wg sync.WaitGroup
	errs := make(chan error, *n)
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
	}}
	t.auth = "Bearer wrong"
	for range *n {
		c, err := d.Dial("tcp", t.addr)
		if err != nil {
			return err
		}
		if _, err := c.Write(t.request("GET", "/v1/slow", 0)); err != nil {
			return err
		}
		wg.Go(func() {
			defer c.Close()
			time.Sleep(3 * time.Second) // the reply piles up
			br := bufio.NewReaderSize(slowReader{c}, 4096)
			if _, n, err := readReply(br); err != nil || n != slowBytes {
				errs <- fmt.Errorf("%d bytes: %w", n, err)
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

type slowReader struct{ io.Reader }

func (r slowReader) Read(p []byte) (int, error) {
	time.Sleep(5 * time.Millisecond)
	return r.Reader.Read(p)
}

// bulkMain times five transfers and prints the median in seconds.
func bulkMain(args []string) error {
	fs := flag.NewFlagSet("bulk", flag.ExitOnError)
	t := targetFlags(fs)
	up := fs.Bool("up", false, "")
	_ = fs.Parse(args)
	c, err := t.dial()
	if err != nil {
		return err
	}
	br := bufio.NewReaderSize(c, 128<<10)
	request := t.request("GET", "/v1/down", 0)
	if *up {
		request = t.request("POST", "/v1/up", bulkBytes)
	}
	var times []float64
	for range 5 {
		start := time.Now()
		failed := make(chan error, 1)
		go func() {
			_, err := c.Write(request)
			failed <- err
		}()
		status, n, err := readReply(br)
		if err := errors.Join(err, <-failed); err != nil || status != 200 {
			return fmt.Errorf("status %d: %w", status, err)
		}
		if !*up && n != bulkBytes {
			return fmt.Errorf("%d bytes", n)
		}
		times = append(times, time.Since(start).Seconds())
	}
	slices.Sort(times)
	_, err = fmt.Println(strings.TrimSpace(strconv.FormatFloat(times[2], 'f', 6, 64)))
	return err
}
