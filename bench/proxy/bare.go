//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"syscall"

	"github.com/awf-cred/awf-cred/internal/relay"
)

type bareFlags struct{ listen, upstream, ca, profile *string }

func parseBare(name string, args []string) (bareFlags, *tls.Config, error) {
	fs := flag.NewFlagSet(name, flag.ExitOnError)
	f := bareFlags{fs.String("listen", "", ""), fs.String("upstream", "", ""), fs.String("ca", "", ""), fs.String("profile", "", "")}
	_ = fs.Parse(args)
	pem, err := os.ReadFile(*f.ca)
	if err != nil {
		return f, nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return f, &tls.Config{RootCAs: roots}, nil
}

// engineMain is the engine with the smallest policy: what it costs without the
// product around it.
func engineMain(args []string) error {
	debug.SetGCPercent(50)
	f, config, err := parseBare("engine", args)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", *f.listen)
	if err != nil {
		return err
	}
	if *f.profile != "" {
		out, err := os.Create(*f.profile)
		if err != nil {
			return err
		}
		defer out.Close()
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	u := relay.NewUpstream(relay.UpstreamOptions{Scheme: "https", Address: *f.upstream, TLS: config})
	defer u.Close()
	return relay.Serve(ctx, ln, &barePolicy{u: u, add: []byte("Authorization: " + credential + "\r\n")}, relay.Options{DrainTimeout: -1})
}

type barePolicy struct {
	u   *relay.Upstream
	add []byte
}

var stripped = [...]string{"authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization"}

func (p *barePolicy) Request(_ context.Context, h *relay.Head) (*relay.Upstream, *relay.Reply) {
	for i := range h.Fields {
		f := &h.Fields[i]
		for _, name := range stripped {
			if len(f.Name) == len(name) && equalFold(f.Name, name) {
				f.Drop = true
			}
		}
	}
	h.Add = append(h.Add, p.add...)
	return p.u, nil
}

func equalFold(p []byte, name string) bool {
	for i, c := range p {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != name[i] {
			return false
		}
	}
	return true
}

func (*barePolicy) Response(context.Context, *relay.Head, *relay.ReplyHead) relay.Verdict {
	return relay.Pass
}
func (*barePolicy) RequestTrailer([]relay.Field)            {}
func (*barePolicy) ReplyTrailer(*relay.Head, []relay.Field) {}
func (*barePolicy) Done(*relay.Head, relay.Summary)         {}
func (*barePolicy) Fault(_ *relay.Head, f relay.Fault) *relay.Reply {
	return &relay.Reply{Status: f.Status, Body: []byte(f.Reason)}
}

// reverseMain is net/http/httputil's proxy, tuned as far as its options go.
func reverseMain(args []string) error {
	f, config, err := parseBare("reverseproxy", args)
	if err != nil {
		return err
	}
	buffers := bufferPool{make(chan []byte, 64)}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "https", Host: *f.upstream})
			for _, name := range stripped {
				r.Out.Header.Del(name)
			}
			r.Out.Header.Set("Authorization", credential)
		},
		Transport:  &http.Transport{TLSClientConfig: config, MaxIdleConnsPerHost: 1024, DisableCompression: true, WriteBufferSize: 16 << 10, ReadBufferSize: 16 << 10},
		BufferPool: buffers,
		ErrorLog:   log.New(io.Discard, "", 0),
	}
	server := &http.Server{Addr: *f.listen, Handler: proxy}
	return server.ListenAndServe()
}

type bufferPool struct{ free chan []byte }

func (p bufferPool) Get() []byte {
	select {
	case b := <-p.free:
		return b
	default:
		return make([]byte, 32<<10)
	}
}

func (p bufferPool) Put(b []byte) {
	select {
	case p.free <- b:
	default:
	}
}
