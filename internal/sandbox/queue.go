package sandbox

import "sync"

// faultQueue holds the steps for each endpoint name, in order.
type faultQueue struct {
	mu    sync.Mutex
	steps map[Endpoint][]Fault
	gates map[string]*Gate
}

func newFaultQueue() *faultQueue {
	return &faultQueue{steps: map[Endpoint][]Fault{}, gates: map[string]*Gate{}}
}

// add appends steps; a step that names a gate shares it with all of that name.
func (q *faultQueue) add(e Endpoint, faults ...Fault) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		if f.Gate == nil && f.GateName != "" {
			f.Gate = q.namedGate(f.GateName)
		}
		q.steps[e] = append(q.steps[e], f)
	}
}

// gate returns the gate of that name, new if there was none.
func (q *faultQueue) gate(name string) *Gate {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.namedGate(name)
}

func (q *faultQueue) namedGate(name string) *Gate {
	g := q.gates[name]
	if g == nil {
		g = NewGate()
		q.gates[name] = g
	}
	return g
}

// clear drops all steps of the endpoint, or of every endpoint for "", and lets
// go what a dropped gate held.
func (q *faultQueue) clear(e Endpoint) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e != "" {
		delete(q.steps, e)
		return
	}
	clear(q.steps)
	for _, g := range q.gates {
		g.Open()
	}
	clear(q.gates)
}

// pending is the number of steps not yet used up.
func (q *faultQueue) pending() map[Endpoint]int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := map[Endpoint]int{}
	for e, steps := range q.steps {
		if len(steps) > 0 {
			n[e] = len(steps)
		}
	}
	return n
}

// accept takes the fault for a connection just accepted by the host.
func (q *faultQueue) accept(h Host) *Fault {
	q.mu.Lock()
	defer q.mu.Unlock()
	for e, steps := range q.steps {
		if (e.host() == h || e == "*") && len(steps) > 0 && steps[0].Stage == StageAccept {
			return q.use(e)
		}
	}
	return nil
}

// take takes the fault for one request: that of the endpoint, else of its host,
// else of all.
func (q *faultQueue) take(e Endpoint) *Fault {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, name := range [...]Endpoint{e, Endpoint(e.host()), "*"} {
		if steps := q.steps[name]; len(steps) > 0 && steps[0].Stage != StageAccept {
			return q.use(name)
		}
	}
	return nil
}

func (q *faultQueue) use(e Endpoint) *Fault {
	f := q.steps[e][0]
	if f.Times > 0 {
		if q.steps[e][0].Times--; q.steps[e][0].Times == 0 {
			q.steps[e] = q.steps[e][1:]
		}
	}
	return &f
}
