package cli

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/relay"
)

// byteSize is a flag's number of bytes: 65536, 64KiB, 1MiB.
type byteSize int64

func (b *byteSize) Type() string { return "size" }

func (b *byteSize) String() string {
	for _, u := range sizeUnits {
		if u.name != "" && *b >= byteSize(u.bytes) && int64(*b)%u.bytes == 0 {
			return strconv.FormatInt(int64(*b)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(*b), 10)
}

// sizeUnits are binary units, the largest first.
var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}

// Set reads a size.
func (b *byteSize) Set(s string) error {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/u.bytes {
			return errSize
		}
		*b = byteSize(n * u.bytes)
		return nil
	}
	return errSize
}

var errSize = errors.New("is not a number of bytes")

// proxyFlags are the flags of a reverse proxy, of serve and of exec alike.
type proxyFlags struct {
	allow        []string
	allowedHosts []string
	accessLog    string
	auditLog     string
	admin        string

	maxHeader     byteSize
	maxBuffer     byteSize
	replayLimit   byteSize
	maxRequests   int
	headerTimeout time.Duration
	startup       time.Duration
	drain         time.Duration
	response      time.Duration
}

func (o *proxyFlags) bind(cmd *cobra.Command) {
	fs := cmd.Flags()
	for _, name := range []string{"upstream", "base_path"} {
		settingFlag(fs, field(config.ProfileFields(), name), "")
	}
	fs.StringArrayVar(&o.allow, "allow", nil, "pass only these: `'METHOD /path'`, * for a segment, ** for the rest, or the word inference; repeatable")
	fs.StringArrayVar(&o.allowedHosts, "allowed-host", nil, "a further `name` that clients may call us by; repeatable")
	fs.StringVar(&o.accessLog, "access-log", "", "write a line for each request to `file`, or - for standard output")
	fs.StringVar(&o.auditLog, "audit-log", "", "write a line for each mint, exchange, renewal and refusal to `file`, or -")
	fs.StringVar(&o.admin, "admin-listen", "", "answer /livez, /readyz, /health and /metrics on `host:port`")
	o.maxHeader, o.maxBuffer, o.replayLimit = 64<<10, 64<<20, 1<<20
	fs.Var(&o.maxHeader, "max-header-bytes", "bound of a request's head")
	fs.Var(&o.maxBuffer, "max-buffer", "bound of all request bodies kept in memory")
	fs.Var(&o.replayLimit, "replay-limit", "bound of one body kept to repeat a request after a 401; 0 for none")
	fs.IntVar(&o.maxRequests, "max-requests", 8192, "requests served at once")
	fs.DurationVar(&o.headerTimeout, "header-timeout", 10*time.Second, "time for a request's head")
	fs.DurationVar(&o.startup, "startup-timeout", 30*time.Second, "how long a request waits for the first credential")
	fs.DurationVar(&o.drain, "drain-timeout", 30*time.Second, "time for open requests at the end")
	fs.DurationVar(&o.response, "response-header-timeout", 0, "time for the upstream's answer to begin; 0 for no limit")
}

// check returns what is wrong with the bounds.
func (o *proxyFlags) check() error {
	switch {
	case o.maxHeader < 1<<10 || o.maxHeader > 16<<20:
		return usage("flag --max-header-bytes", "is not between 1KiB and 16MiB")
	case o.maxRequests < 1:
		return usage("flag --max-requests", "is not at least 1")
	case o.maxBuffer < 1:
		return usage("flag --max-buffer", "is not at least 1")
	case o.headerTimeout <= 0:
		return usage("flag --header-timeout", "is not above 0")
	case o.startup <= 0:
		return usage("flag --startup-timeout", "is not above 0")
	case o.drain < 0:
		return usage("flag --drain-timeout", "is negative")
	case o.response < 0:
		return usage("flag --response-header-timeout", "is negative")
	}
	for _, host := range o.allowedHosts {
		if host == "" || strings.ContainsAny(host, "/*@ \t") {
			return usage("flag --allowed-host", printable(strconv.Quote(host))+" is not the name of a host", "give a name as in the Host header, such as proxy.internal")
		}
	}
	return nil
}

// relay are the bounds of the engine; a 0 that was given is none, not the default.
func (o *proxyFlags) relay() relay.Options {
	r := relay.Options{
		MaxHeaderBytes: int(o.maxHeader), HeaderTimeout: o.headerTimeout, DrainTimeout: o.drain, ReplayLimit: int64(o.replayLimit),
		Budget: relay.NewBudget(int64(o.maxBuffer)), Gate: relay.NewGate(o.maxRequests),
	}
	if r.DrainTimeout == 0 {
		r.DrainTimeout = -1
	}
	if r.ReplayLimit == 0 {
		r.ReplayLimit = -1
	}
	return r
}

// all are the values of a setting's flag, each as it was given.
func all(fs *pflag.FlagSet, name string) []string {
	if f := fs.Lookup(name); f != nil {
		if g, ok := f.Value.(*given); ok {
			return g.values
		}
	}
	return nil
}
