package proxy

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/internal/relay"
)

// Options describe one listener and the profile behind it. The first six are
// required.
type Options struct {
	Profile     string
	Provider    string
	Credentials Credentials
	Inject      Injector
	Upstream    *relay.Upstream
	Listener    net.Addr // what it is bound to: which Host values are its own, and the port in errors

	// BasePath is put in front of every path that does not begin with it; empty: none.
	BasePath string
	// Key is demanded from every client; nil: none is.
	Key *Key
	// AllowedHosts are further values of Host, without port.
	AllowedHosts []string
	// Allow are the methods and paths that pass; nil: all.
	Allow *Rules
	// Upgrades lets WebSockets through.
	Upgrades bool
	// Strip are further request headers that may hold a credential.
	Strip []string

	// StartupTimeout bounds the wait for the first credential, 30 s.
	StartupTimeout time.Duration
	// Ready reports whether the profile holds a live credential, for /health; nil:
	// whether Credentials gave one when it was last asked.
	Ready func() bool
	// Issued reports whether the profile ever held a credential, for listeners that
	// share it; nil: whether this policy got one.
	Issued func() bool

	Observe Observer         // nil: nobody
	Log     *slog.Logger     // nil: silent
	Now     func() time.Time // for signatures; required with an injector that signs
}

// check returns every problem at once.
func (o *Options) check() error {
	var problems []error
	need := func(ok bool, what string) {
		if !ok {
			problems = append(problems, errors.New(what+" is required"))
		}
	}
	need(o.Profile != "", "profile")
	need(o.Provider != "", "provider")
	need(o.Credentials != nil, "credentials")
	need(o.Inject != nil, "injector")
	need(o.Upstream != nil, "upstream")
	need(o.Listener != nil, "listener address")
	if o.StartupTimeout < 0 {
		problems = append(problems, errors.New("startup timeout is negative"))
	}
	if err := CheckBasePath(o.BasePath); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func (o *Options) withDefaults() {
	if o.StartupTimeout == 0 {
		o.StartupTimeout = 30 * time.Second
	}
	if o.Observe == nil {
		o.Observe = nobody{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// CheckBasePath reports what is wrong with a base path. An empty one and / are none.
func CheckBasePath(s string) error {
	if s == "" {
		return nil
	}
	if s[0] != '/' || strings.Contains(s, "//") || strings.ContainsAny(s, "?#%;\\") {
		return fmt.Errorf("base path %q is not a plain absolute path", s)
	}
	for _, segment := range strings.Split(s, "/") {
		if segment == "." || segment == ".." {
			return fmt.Errorf("base path %q has dot segments", s)
		}
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return fmt.Errorf("base path %q has bytes that must be escaped", s)
		}
	}
	return nil
}
