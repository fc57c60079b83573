package sandbox

import "maps"

// Tally counts what happened for a provider, an identity, or all together.
type Tally struct {
	MintRequests int `json:"mint_requests"` // requests to the mint endpoint
	Mints        int `json:"mints"`         // identity tokens handed out
	Exchanges    int `json:"exchanges"`     // requests that reached a token endpoint whole
	Accepted     int `json:"accepted"`      // exchanges that granted a credential
	Refused      int `json:"refused"`       // exchanges that the vendor refused
	// Replays are exchanges with an assertion, recognised by its jti, that this
	// provider had received before, whatever became of either. Repeats are the
	// same for assertions without a jti, which no vendor minds.
	Replays     int `json:"replays"`
	Repeats     int `json:"repeats"`
	APIRequests int `json:"api_requests"` // requests to a vendor's API
	APIAccepted int `json:"api_accepted"` // those with a good credential
	APIRefused  int `json:"api_refused"`  // those answered 401 or 403
}

// Counts are all counters since the start or the last Reset.
type Counts struct {
	Tally
	Messages    int              `json:"messages"` // requests to POST /v1/messages
	Faulted     int              `json:"faulted"`  // requests on which a fault acted
	Broken      int              `json:"broken"`   // requests that were not whole or not HTTP
	Connections map[Host]int     `json:"connections"`
	Endpoints   map[Endpoint]int `json:"endpoints"`
	Providers   map[string]Tally `json:"providers"`
	Identities  map[string]Tally `json:"identities"`
}

// Counts returns a copy of the counters.
func (s *Sandbox) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.tally
	c.Messages = c.Endpoints[Messages]
	c.Connections = maps.Clone(s.connections)
	c.Endpoints = maps.Clone(c.Endpoints)
	c.Providers = maps.Clone(c.Providers)
	c.Identities = maps.Clone(c.Identities)
	return c
}

// count changes the total and the tallies of a provider and an identity, where
// these are known.
func (s *Sandbox) count(provider, identity string, change func(*Tally)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.tally.Tally)
	one := func(m map[string]Tally, key string) {
		if key != "" {
			t := m[key]
			change(&t)
			m[key] = t
		}
	}
	one(s.tally.Providers, provider)
	one(s.tally.Identities, identity)
	s.notify()
}

// Reset forgets counters, records, history, faults and grants, and puts the
// clock's offset back to 0. Identities, rules and keys stay, and so does the
// memory of assertions that were used up.
func (s *Sandbox) Reset() {
	s.faults.clear("")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
}

// clear empties what Reset empties; the caller holds mu or is alone.
func (s *Sandbox) clear() {
	if s.changed == nil {
		s.changed = make(chan struct{})
		s.arrivals, s.consumed, s.minted = map[string]bool{}, map[string]bool{}, map[string]string{}
	}
	s.tally = Counts{Endpoints: map[Endpoint]int{}, Providers: map[string]Tally{}, Identities: map[string]Tally{}}
	s.connections = map[Host]int{}
	s.records, s.kept, s.events, s.offset = nil, 0, nil, 0
	s.grants = map[string]*grant{}
	s.notify()
}
