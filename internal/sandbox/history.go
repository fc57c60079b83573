package sandbox

import "time"

// Event is one verdict of a vendor: an exchange or an API call, accepted or not.
// Reason is ours and is not told to the client where the vendor does not.
type Event struct {
	Time      time.Time `json:"time"`
	Endpoint  Endpoint  `json:"endpoint"`
	Accepted  bool      `json:"accepted"`
	Reason    string    `json:"reason"` // a word such as jti_reused; empty if accepted
	Detail    string    `json:"detail,omitempty"`
	Status    int       `json:"status"`
	Identity  string    `json:"identity,omitempty"`
	Subject   string    `json:"subject,omitempty"`
	JTI       string    `json:"jti,omitempty"`
	RequestID string    `json:"request_id,omitempty"`
}

// refusal is why a request is not granted.
type refusal struct {
	reason string // for the history
	detail string // for the history
	status int    // 0: the vendor's usual one
	code   string // vendor's code, where the reason alone does not give it
}

func refuse(reason, detail string) *refusal { return &refusal{reason: reason, detail: detail} }

// History are the verdicts so far, oldest first.
func (s *Sandbox) History() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Event(nil), s.events...)
}

// Reasons are the reasons of the refusals so far, oldest first.
func (s *Sandbox) Reasons() []string {
	var out []string
	for _, e := range s.History() {
		if !e.Accepted {
			out = append(out, e.Reason)
		}
	}
	return out
}

// maxEvents bounds the history; the older half is dropped beyond it.
const maxEvents = 20000

func (s *Sandbox) event(e Event) {
	e.Time = s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	if len(s.events) > maxEvents {
		s.events = append(s.events[:0], s.events[maxEvents/2:]...)
	}
}
