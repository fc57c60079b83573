package serve

import (
	"context"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Sink is a place that is kept fresh.
type Sink struct {
	Profile string
	Name    string // for messages: KIND:PATH
	// Check finds out before anything is served whether Write can work.
	Check func() error
	// Write puts c there, whole or not at all. It is called again for each new
	// credential.
	Write func(ctx context.Context, c exchange.Credential) error
	// Mint makes what is written, for a sink that does not hold the profile's
	// credential but something of its own that ends; nil: the credential.
	Mint func(ctx context.Context) (exchange.Credential, error)
	// Remove takes away what Write put there, at the end; nil: it stays.
	Remove func() error
}

// The pauses of a sink that cannot write, or mint.
const (
	firstSinkPause = time.Second
	mostSinkPause  = 30 * time.Second
	mintAttempt    = 10 * time.Second
	sinkApart      = 10 * time.Second // from one mint to the next
)

// startSinks gives each sink a goroutine of its own: one that cannot write
// disturbs no other.
func (s *server) startSinks() {
	for _, sink := range s.o.Sinks {
		s.group.Go(func() error {
			if sink.Mint != nil {
				s.mintSink(s.back, sink)
			} else {
				s.keepSink(s.back, sink)
			}
			if sink.Remove != nil {
				if err := sink.Remove(); err != nil {
					s.log.Warn("sink was not removed", "sink", sink.Name, "reason", err)
				}
			}
			return nil
		})
	}
}

// keepSink writes each new credential. The newest wins: what could not be written
// is forgotten when the next one comes.
func (s *server) keepSink(ctx context.Context, sink Sink) {
	newest := make(chan exchange.Credential, 1)
	stop := s.slot(sink.Profile).subscribe(func(c exchange.Credential) {
		select {
		case <-newest:
		default:
		}
		newest <- c // there is room: subscribers are called one at a time
	})
	defer stop()
	for {
		select {
		case c := <-newest:
			s.writeSink(ctx, sink, c, newest)
		case <-ctx.Done():
			return
		}
	}
}

// writeSink writes c until it is written or there is a newer one.
func (s *server) writeSink(ctx context.Context, sink Sink, c exchange.Credential, newest chan exchange.Credential) {
	for pause := firstSinkPause; ; pause = min(2*pause, mostSinkPause) {
		err := sink.Write(ctx, c)
		if err == nil {
			s.log.Debug("sink was written", "sink", sink.Name, "profile", sink.Profile)
			return
		}
		s.log.Warn("sink was not written", "sink", sink.Name, "profile", sink.Profile, "reason", err, "wait", pause)
		t := s.o.Clock.NewTimer(pause)
		select {
		case <-t.C():
		case c = <-newest:
			pause = firstSinkPause / 2
		case <-ctx.Done():
			t.Stop()
			return
		}
		t.Stop()
	}
}

// mintSink keeps something fresh that the sink makes itself, ahead of its end.
func (s *server) mintSink(ctx context.Context, sink Sink) {
	pause := firstSinkPause
	for ctx.Err() == nil {
		wait := pause
		trying, cancel := context.WithTimeout(ctx, mintAttempt)
		c, err := sink.Mint(trying)
		cancel()
		if err == nil {
			err = sink.Write(ctx, c)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.log.Warn("sink was not written", "sink", sink.Name, "profile", sink.Profile, "reason", err, "wait", wait)
			pause = min(2*pause, mostSinkPause)
		default:
			s.log.Debug("sink was written", "sink", sink.Name, "profile", sink.Profile)
			pause = firstSinkPause
			// At half of its life: whoever reads it finds one that lives.
			wait = max(sinkApart, c.Lifetime()/2)
		}
		t := s.o.Clock.NewTimer(wait)
		select {
		case <-t.C():
		case <-ctx.Done():
		}
		t.Stop()
	}
}
