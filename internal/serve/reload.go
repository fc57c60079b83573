package serve

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/relay"
)

// reloads makes a new plan each time that somebody asks, one at a time: what is
// asked during a reload leads to one more.
func (s *server) reloads(ctx context.Context) {
	if s.o.Reload == nil {
		return
	}
	for {
		select {
		case <-s.o.Hangup:
		case <-ctx.Done():
			return
		}
		s.reloadOnce(ctx)
	}
}

// reloadOnce opens the logs anew, whatever becomes of the configuration: they were
// rotated, and what is written to the old files is not found. The service manager
// is told, once it knows that we run.
func (s *server) reloadOnce(ctx context.Context) {
	if s.announced.Load() {
		s.o.Notify("RELOADING=1")
		defer func() {
			if s.front.Err() == nil {
				s.o.Notify("READY=1")
			}
		}()
	}
	if err := s.o.Hub.reopen(); err != nil {
		s.log.Error("a log cannot be opened anew, the old file stays in use", "reason", err)
	}
	if err := s.reload(ctx); err != nil {
		s.log.Error("reload failed, the old configuration stays", "reason", err)
		return
	}
	s.log.Info("reloaded")
}

// firstWait bounds the wait for the first credential of a source that replaces
// one that works.
const firstWait = 30 * time.Second

// reload replaces policies, upstreams, sources that changed, and the client key.
// Everything is made before anything is replaced, and requests that run keep what
// they began with.
func (s *server) reload(ctx context.Context) error {
	plan, err := s.o.Reload(ctx)
	if err != nil {
		return err
	}
	if err := s.sameListeners(plan); err != nil {
		return err
	}
	newKey := !plan.ClientKey.IsZero() && s.o.Key != nil
	if newKey {
		if _, err := proxy.NewKey(plan.ClientKey); err != nil { // of a form that can be set later
			return err
		}
	}
	next, err := s.nextSources(ctx, plan)
	if err != nil {
		return err
	}
	fresh, err := s.nextFronts(plan, next)
	if err != nil {
		next.drop()
		return err
	}
	s.replaceSources(next)
	s.replaceFronts(plan, fresh)
	if newKey {
		if err := s.o.Key.Set(plan.ClientKey); err != nil {
			return err
		}
	}
	return nil
}

// sameListeners refuses a plan with other addresses: sockets are bound once.
func (s *server) sameListeners(plan Plan) error {
	if len(plan.Listeners) != len(s.fronts) {
		return fmt.Errorf("the number of listeners is %d and is configured as %d: a restart is needed", len(s.fronts), len(plan.Listeners))
	}
	for i, l := range plan.Listeners {
		if l.Listen != s.fronts[i].spec.Listen {
			return fmt.Errorf("listener %s is configured as %s: a restart is needed", s.fronts[i].spec.Listen, l.Listen)
		}
	}
	return nil
}

// nextSources are the slots of a plan, and the renewals that are to be put into
// them; those that stay as they are have none.
type nextSources struct {
	slots   map[string]*slot
	changed map[string]*renewal
}

// drop ends what was started for a plan that is not carried out.
func (n *nextSources) drop() {
	for _, r := range n.changed {
		r.stop()
	}
}

// nextSources starts the sources that are new or changed, and waits until each
// that replaces a working one works too.
func (s *server) nextSources(ctx context.Context, plan Plan) (*nextSources, error) {
	next := &nextSources{slots: map[string]*slot{}, changed: map[string]*renewal{}}
	for _, p := range plan.Profiles {
		old := s.slot(p.Name)
		if old != nil && old.now.Load().Revision == p.Revision {
			next.slots[p.Name] = old
			continue
		}
		next.changed[p.Name] = s.renew(p)
		if next.slots[p.Name] = old; old == nil {
			next.slots[p.Name] = newSlot()
		}
	}
	for name, r := range next.changed {
		old := s.slot(name)
		if err := awaitFirst(ctx, r); err != nil && (old == nil || old.ready()) {
			next.drop()
			return nil, fmt.Errorf("profile %s: %w", name, err)
		}
	}
	return next, nil
}

// awaitFirst waits for the first credential of a source.
func awaitFirst(ctx context.Context, r *renewal) error {
	ctx, cancel := context.WithTimeout(ctx, firstWait)
	defer cancel()
	_, err := r.Source.Credential(ctx) // before its Run has begun, it makes attempts of its own
	return err
}

// freshFront is what replaces the upstream and the policy of a listener.
type freshFront struct {
	upstream *relay.Upstream
	policy   relay.Policy
}

// nextFronts makes a new upstream and policy for every listener.
func (s *server) nextFronts(plan Plan, next *nextSources) ([]freshFront, error) {
	fresh := make([]freshFront, len(plan.Listeners))
	var problems []error
	for i, l := range plan.Listeners {
		fresh[i].upstream = relay.NewUpstream(l.Upstream)
		p := next.slots[l.Profile]
		if p == nil {
			problems = append(problems, usage("listener %s: profile %q is not there", l.Listen, l.Profile))
			continue
		}
		policy, err := s.policy(l, p, s.fronts[i].ln.Addr(), fresh[i].upstream)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		fresh[i].policy = policy
	}
	if len(problems) == 0 {
		return fresh, nil
	}
	for _, f := range fresh {
		f.upstream.Close()
	}
	return nil, errors.Join(problems...)
}

// replaceSources puts renewals into their slots and ends those that they replace.
func (s *server) replaceSources(next *nextSources) {
	for name, r := range next.changed {
		if old := next.slots[name].put(r); old != nil {
			old.stop()
		}
	}
	s.mu.Lock()
	old := s.slots
	s.slots = next.slots
	s.mu.Unlock()
	for name, was := range old {
		if next.slots[name] == nil {
			was.now.Load().stop()
		}
	}
}

// replaceFronts makes the new policies decide on requests from now on.
func (s *server) replaceFronts(plan Plan, fresh []freshFront) {
	for i, f := range s.fronts {
		f.engine.SetPolicy(fresh[i].policy)
		s.mu.Lock()
		old := f.upstream
		f.upstream, f.spec = fresh[i].upstream, plan.Listeners[i]
		s.mu.Unlock()
		old.Close()
	}
}
