package serve

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"
)

// guarded refuses browsers and foreign names (DNS rebinding), and, where others
// can reach the listener, whoever does not show the client key.
func (s *server) guarded(addr net.Addr, next http.Handler) http.Handler {
	remote := true
	if tcp, ok := addr.(*net.TCPAddr); ok {
		remote = !tcp.IP.IsLoopback()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !remote && !loopbackName(r.Host):
			answerError(w, http.StatusMisdirectedRequest, "host_not_allowed", "the Host header names another server")
		case r.Header.Get("Origin") != "" || strings.Contains(r.Header.Get("Sec-Fetch-Site"), "site"):
			answerError(w, http.StatusForbidden, "cross_site_request", "requests of web pages are not served")
		case remote && !s.shown(r):
			w.Header().Set("WWW-Authenticate", `Bearer realm="awf-cred"`)
			answerError(w, http.StatusUnauthorized, "authentication_error", "the client key is missing or wrong")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// shown reports whether a request shows the client key as a bearer token.
func (s *server) shown(r *http.Request) bool {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return s.o.Key != nil && strings.EqualFold(scheme, "bearer") && s.o.Key.Matches(key)
}

// loopbackName reports whether a Host is one that a client on this machine uses.
func loopbackName(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	switch strings.ToLower(strings.Trim(host, "[]")) {
	case "localhost", "127.0.0.1", "::1":
		return true
	}
	return false
}

// answerError is an error in the shape that all of serve's have.
func answerError(w http.ResponseWriter, status int, kind, message string) {
	answerJSON(w, status, map[string]any{"error": map[string]any{
		"message": message, "type": kind, "provider": nil, "port": nil, "retryable": false, "request_id": nil,
	}})
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
