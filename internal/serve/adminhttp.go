package serve

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/proxy"
)

// small is one of the small listeners, with what its errors say of it.
type small struct {
	s         *server
	port      any // null where there is none
	remote    bool
	answersTo func(host string) bool
}

func (s *server) small(addr net.Addr) *small {
	l := &small{s: s, remote: true, answersTo: proxy.AnswersTo(addr, s.o.AllowedHosts)}
	if tcp, ok := addr.(*net.TCPAddr); ok {
		l.port, l.remote = tcp.Port, !tcp.IP.IsLoopback()
	}
	return l
}

// guarded refuses browsers and foreign names (DNS rebinding), and, where others
// can reach the listener, whoever does not show the client key.
func (l *small) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !l.remote && !l.answersTo(r.Host):
			l.refuse(w, http.StatusMisdirectedRequest, "host_not_allowed", "the Host header names another server; --allowed-host allows further names")
		case r.Header.Get("Origin") != "" || strings.Contains(r.Header.Get("Sec-Fetch-Site"), "site"):
			l.refuse(w, http.StatusForbidden, "cross_site_request", "requests of web pages are not served")
		case l.remote && !l.s.shown(r):
			w.Header().Set("WWW-Authenticate", `Bearer realm="awf-cred"`)
			l.refuse(w, http.StatusUnauthorized, "authentication_error", "the client key is missing or wrong")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// refuse answers an error in the shape that all of serve's have; there is no
// provider here.
func (l *small) refuse(w http.ResponseWriter, status int, kind, message string) {
	answerJSON(w, status, map[string]any{"error": map[string]any{
		"message": message, "type": kind, "provider": nil, "port": l.port, "retryable": false, "request_id": l.s.requestID(),
	}})
}

// shown reports whether a request shows the client key as a bearer token.
func (s *server) shown(r *http.Request) bool {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return s.o.Key != nil && strings.EqualFold(scheme, "bearer") && s.o.Key.Matches(key)
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // the client may have gone
}

// serveHTTP serves one of the small listeners until the back ends.
func (s *server) serveHTTP(ln net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: silent(),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-s.back.Done()
		_ = server.Close()
	}()
	err := server.Serve(&fewConns{Listener: ln, free: make(chan struct{}, mostConns)})
	if !errors.Is(err, http.ErrServerClosed) {
		s.halt(cannot("listener "+ln.Addr().String(), err)) // without it nobody can tell how we are
	}
	<-done
	return nil
}
