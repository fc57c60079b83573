package tokensource

import "github.com/awf-cred/awf-cred/pkg/exchange"

// Subscribe calls f with the credential in memory, if there is one that lives, and
// then with each new one, one call at a time. After stop has returned f is not
// called again. f must not block, and must not call Subscribe or stop.
func (s *Source) Subscribe(f func(exchange.Credential)) (stop func()) {
	s.subMu.Lock()
	defer s.subMu.Unlock()
	s.subs[&f] = struct{}{}
	if c, _, ok := s.Held(); ok {
		f(c)
	}
	return func() {
		s.subMu.Lock()
		defer s.subMu.Unlock()
		delete(s.subs, &f)
	}
}

func (s *Source) publish(c exchange.Credential) {
	s.subMu.Lock()
	defer s.subMu.Unlock()
	for f := range s.subs {
		(*f)(c)
	}
}
