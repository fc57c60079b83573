package sandbox

import (
	"fmt"
	"slices"
)

// AddFault appends steps to what goes wrong at an endpoint. It panics for an
// endpoint or a stage that does not exist: such a test would prove nothing.
func (s *Sandbox) AddFault(e Endpoint, faults ...Fault) {
	if err := s.addFault(e, faults...); err != nil {
		panic("sandbox: " + err.Error())
	}
}

func (s *Sandbox) addFault(e Endpoint, faults ...Fault) error {
	if known := s.Endpoints(); e != "*" && !slices.Contains(s.Hosts(), Host(e)) && !slices.Contains(known, e) {
		return fmt.Errorf("no endpoint %q: there are %v", e, known)
	}
	for _, f := range faults {
		if !f.Stage.valid() {
			return fmt.Errorf("fault for %s: no stage %q", e, f.Stage)
		}
	}
	s.faults.add(e, faults...)
	return nil
}

// ClearFaults drops the steps of an endpoint, or all of them for "".
func (s *Sandbox) ClearFaults(e Endpoint) { s.faults.clear(e) }

// Barrier makes the next n requests of an endpoint wait, after they were
// consumed, until the returned gate is opened.
func (s *Sandbox) Barrier(e Endpoint, n int) *Gate {
	g := NewGate()
	s.AddFault(e, Fault{Gate: g, Times: n})
	return g
}
