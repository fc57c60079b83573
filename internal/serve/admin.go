package serve

import (
	"net/http"
	"time"
)

// adminHandler answers the admin listener: it tells how the server is and does
// nothing else. Paths of an API are not there.
func (s *server) adminHandler() http.Handler {
	l := s.small(s.admin.Addr())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, http.StatusOK, map[string]string{"status": "alive"})
	})
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /health", s.health)
	mux.HandleFunc("GET /metrics", s.metrics)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		l.refuse(w, http.StatusNotFound, "not_found", "there is nothing here")
	})
	return l.guarded(mux)
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
