package relay

import (
	"log/slog"
	"time"
)

// Options are the bounds of a [Server]. A zero value means the default that the
// comment names.
type Options struct {
	MaxHeaderBytes int           // request line and header block, 64 KiB
	MaxFields      int           // header lines, 1000
	HeaderTimeout  time.Duration // from accept, later from a request's first byte, 10 s
	IdleTimeout    time.Duration // between requests, 120 s
	DrainTimeout   time.Duration // for open requests after ctx has ended, 30 s; negative: none
	LingerTimeout  time.Duration // for reading on after a refusal so that no reset destroys it, 1 s
	ReplayLimit    int64         // largest body kept for a second attempt, 1 MiB; negative: none
	Budget         *Budget       // of all bodies in memory; share it between servers; nil: 64 MiB of its own
	Gate           *Gate         // of requests at once; share it between servers; nil: 8192 of its own
	Log            *slog.Logger  // debug only; nil: silent

	watch watchKind // tests choose the portable watcher
}

func (o Options) withDefaults() Options {
	setDefault(&o.MaxHeaderBytes, 64<<10)
	setDefault(&o.MaxFields, 1000)
	setDefault(&o.HeaderTimeout, 10*time.Second)
	setDefault(&o.IdleTimeout, 120*time.Second)
	setDefault(&o.DrainTimeout, 30*time.Second)
	setDefault(&o.LingerTimeout, time.Second)
	setDefault(&o.ReplayLimit, 1<<20)
	if o.Budget == nil {
		o.Budget = NewBudget(64 << 20)
	}
	if o.Gate == nil {
		o.Gate = NewGate(8192)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func setDefault[T ~int | ~int64](v *T, to T) {
	if *v == 0 {
		*v = to
	}
}
