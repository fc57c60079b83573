package serve

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"
)

// adminHandler answers the admin listener: it tells how the server is and does
// nothing else. Paths of an API are not there.
func (s *server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, http.StatusOK, map[string]string{"status": "alive"})
	})
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /health", s.health)
	mux.HandleFunc("GET /metrics", s.metrics)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answerError(w, http.StatusNotFound, "not_found", "there is nothing here")
	})
	return s.guarded(s.admin.Addr(), mux)
}

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

// profileState is one profile in the answers of the admin listener.
type profileState struct {
	Provider  string `json:"provider"`
	Ready     bool   `json:"ready"`
	ExpiresIn int64  `json:"expires_in"` // whole seconds, 0 when there is none or it never ends
}

func (s *server) states() map[string]profileState {
	states := map[string]profileState{}
	for _, name := range s.names() {
		p := s.slot(name)
		c, left, ok := p.held()
		state := profileState{Provider: p.now.Load().Provider, Ready: ok}
		if ok && !c.ExpiresAt.IsZero() {
			state.ExpiresIn = int64(left / time.Second)
		}
		states[name] = state
	}
	return states
}

// readyz is 200 while every profile holds a live credential.
func (s *server) readyz(w http.ResponseWriter, _ *http.Request) {
	status, word := http.StatusOK, "ready"
	if !s.allReady() {
		status, word = http.StatusServiceUnavailable, "not_ready"
	}
	answerJSON(w, status, map[string]any{"status": word, "profiles": s.states()})
}

// health has the words of the sidecar of gh-aw-firewall.
func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	status, word := http.StatusOK, "healthy"
	if !s.allReady() {
		status, word = http.StatusServiceUnavailable, "unavailable"
	}
	answerJSON(w, status, map[string]any{"status": word, "service": "awf-cred", "profiles": s.states()})
}

// metrics is the text of Prometheus' format.
func (s *server) metrics(w http.ResponseWriter, _ *http.Request) {
	var e exposition
	s.gauges(&e)
	s.o.Hub.metrics.render(&e)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(e.b.Bytes()) // the client may have gone
}

// gauges are figures of now.
func (s *server) gauges(e *exposition) {
	type state struct {
		name, provider   string
		expiry, lifetime float64
	}
	var states []state
	for _, name := range s.names() {
		p := s.slot(name)
		if c, _, ok := p.held(); ok && !c.ExpiresAt.IsZero() {
			states = append(states, state{name, p.now.Load().Provider, float64(c.ExpiresAt.UnixMilli()) / 1000, c.Lifetime().Seconds()})
		}
	}
	e.head("awf_cred_credential_expiry_timestamp_seconds", "gauge", "When the credential in use ends.")
	for _, c := range states {
		e.sample("awf_cred_credential_expiry_timestamp_seconds", c.expiry, "profile", c.name, "provider", c.provider)
	}
	e.head("awf_cred_credential_lifetime_seconds", "gauge", "How long the credential in use lives from its issue on.")
	for _, c := range states {
		e.sample("awf_cred_credential_lifetime_seconds", c.lifetime, "profile", c.name, "provider", c.provider)
	}
	var streams, connections int64
	for _, f := range s.fronts {
		stats := f.engine.Stats()
		streams += stats.Streams
		connections += stats.Connections
	}
	goroutines, heap := figures()
	gauge := func(name, help string, value float64) {
		e.head(name, "gauge", help)
		e.sample(name, value)
	}
	gauge("awf_cred_open_streams", "Answers that are being passed on.", float64(streams))
	gauge("awf_cred_open_connections", "Connections of clients.", float64(connections))
	gauge("go_goroutines", "Goroutines.", float64(goroutines))
	gauge("go_memstats_heap_inuse_bytes", "Bytes of the heap in use.", float64(heap))
	if n, known := openFDs(); known {
		gauge("process_open_fds", "Open descriptors.", float64(n))
	}
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
