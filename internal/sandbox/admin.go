package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// admin is the sandbox's own listener: JSON in, JSON out, no credential, loopback
// only.
//
//	GET  /counts /history /requests /rule /faults
//	POST /faults   {"endpoint":"anthropic.token","faults":[{"status":503,"times":3}]}
//	POST /reset    {}
//	POST /clock    {"offset":"31s"}
//	POST /revoke   {"token":"..."} or {"all":true}
//	POST /rule     any fields of Rule; the others stay
//	POST /stream   {"events":100,"interval":"10ms"}
//	POST /open     {"gate":"NAME"}
//	GET  /arrived?gate=NAME
func admin(s *Sandbox) vendor {
	return vendor{
		name: HostAdmin,
		route: func(r *request) (Endpoint, handler) {
			return Endpoint("admin" + strings.ReplaceAll(r.path, "/", ".")), s.administer
		},
		limit:   func(Endpoint) int64 { return 8 << 20 },
		arrived: func(*request) {},
		failure: func(*request) failure { return func(status int, _ string) *reply { return respondJSON(status, done) } },
		tooLarge: func(*request) *reply {
			return respondJSON(http.StatusRequestEntityTooLarge, map[string]string{"error": "too large"})
		},
	}
}

func (s *Sandbox) administer(r *request) *reply {
	handlers := map[string]func(*request) (any, error){
		"GET /counts":   func(*request) (any, error) { return s.Counts(), nil },
		"GET /history":  func(*request) (any, error) { return list(s.History()), nil },
		"GET /requests": func(r *request) (any, error) { return list(s.Requests(endpoints(r)...)), nil },
		"GET /rule":     func(*request) (any, error) { return wireRule(s.Rule()), nil },
		"GET /faults":   func(*request) (any, error) { return s.faults.pending(), nil },
		"GET /arrived": func(r *request) (any, error) {
			return map[string]int{"arrived": s.faults.gate(r.query.Get("gate")).Arrived()}, nil
		},
		"POST /faults": s.postFaults,
		"POST /reset":  func(*request) (any, error) { s.Reset(); return done, nil },
		"POST /clock":  s.postClock,
		"POST /revoke": s.postRevoke,
		"POST /rule":   s.postRule,
		"POST /stream": s.postStream,
		"POST /open":   s.postOpen,
	}
	handle := handlers[r.method+" "+r.path]
	if handle == nil {
		return respondJSON(http.StatusNotFound, map[string]string{"error": "no such control: " + r.method + " " + r.path})
	}
	answer, err := handle(r)
	if err != nil {
		return respondJSON(http.StatusBadRequest, map[string]string{"error": err.Error()})
	}
	return respondJSON(http.StatusOK, answer)
}

// done answers a control that has nothing to say.
var done = map[string]bool{"ok": true}

// list is never null in JSON.
func list[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

func endpoints(r *request) []Endpoint {
	var of []Endpoint
	for _, e := range r.query["endpoint"] {
		of = append(of, Endpoint(e))
	}
	return of
}

// read decodes the body strictly: a misspelt field is an error.
func read(r *request, into any) error {
	d := json.NewDecoder(strings.NewReader(string(r.body)))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func (s *Sandbox) postFaults(r *request) (any, error) {
	var body struct {
		Endpoint Endpoint `json:"endpoint"`
		Faults   []Fault  `json:"faults"`
		Clear    bool     `json:"clear"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	if body.Clear {
		s.ClearFaults(body.Endpoint)
	}
	if len(body.Faults) == 0 {
		return done, nil
	}
	return done, s.addFault(body.Endpoint, body.Faults...)
}

func (s *Sandbox) postClock(r *request) (any, error) {
	var body struct {
		Offset Duration `json:"offset"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	s.ClockOffset(time.Duration(body.Offset))
	return map[string]time.Time{"now": s.Now()}, nil
}

func (s *Sandbox) postRevoke(r *request) (any, error) {
	var body struct {
		Token string `json:"token"`
		All   bool   `json:"all"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	if body.All {
		s.RevokeAll()
		return done, nil
	}
	return map[string]bool{"revoked": s.Revoke(body.Token)}, nil
}

func (s *Sandbox) postRule(r *request) (any, error) {
	rule := wireRule(s.Rule())
	if err := read(r, &rule); err != nil {
		return nil, err
	}
	s.SetRule(rule.rule())
	return rule, nil
}

func (s *Sandbox) postStream(r *request) (any, error) {
	var body struct {
		Events     int      `json:"events"`
		EventBytes int      `json:"event_bytes"`
		Interval   Duration `json:"interval"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	s.SetStream(Stream{Events: body.Events, EventBytes: body.EventBytes, Interval: time.Duration(body.Interval)})
	return done, nil
}

func (s *Sandbox) postOpen(r *request) (any, error) {
	var body struct {
		Gate string `json:"gate"`
	}
	if err := read(r, &body); err != nil {
		return nil, err
	}
	s.faults.gate(body.Gate).Open()
	return done, nil
}
