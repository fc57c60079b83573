package hostile

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/relay"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// inProcess is relay and proxy in the process of the test, with a fixed
// credential: quick, and the level of goroutines and memory is the suite's too.
type inProcess struct {
	listeners map[Role]map[string]net.Listener
	key       *proxy.Key
	keyText   string
	bearer    string
	aws       exchange.AWSKeys
	series    series
	log       lockedBuffer
	scale     Scale
	quiet     int64 // memory after the last collection
	stop      func()
}

// lockedBuffer is read while others write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.b.String()
	l.b.Reset()
	return s
}

// series are the labels that a server's metrics would have.
type series struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (s *series) Done(f *proxy.Finished) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[fmt.Sprint(f.Profile, f.Summary.Status, f.Summary.Refused)] = true
}

// fixed always gives the same credential.
type fixed exchange.Credential

func (f fixed) Credential(context.Context) (exchange.Credential, error) {
	return exchange.Credential(f), nil
}
func (fixed) Invalidate(exchange.Credential) {}

// startInProcess serves every role, over TCP and a unix socket.
func startInProcess(t testing.TB, u *Upstream) *inProcess {
	p := &inProcess{listeners: map[Role]map[string]net.Listener{}, keyText: newKey(), bearer: "sk-ant-oat01-" + newSecret(),
		series: series{seen: map[string]bool{}},
		scale: Scale{Slow: 40, Idle: 200, Halves: 50, Churn: 300, Uploads: 40, Deaf: 24, Signed: 24, Distinct: 1000,
			HeaderTimeout: 400 * time.Millisecond, MaxRequests: 6, SignLimit: 256 << 10, Memory: 512 << 10},
	}
	p.aws = exchange.AWSKeys{AccessKeyID: secret.New("ASIA" + newSecret()), SecretAccessKey: secret.New(newSecret() + newSecret()), SessionToken: secret.New(newSecret() + newSecret())}
	var err error
	p.key, err = proxy.NewKey(secret.New(p.keyText))
	require.NoError(t, err)

	upstream := relay.NewUpstream(relay.UpstreamOptions{Scheme: "http", Address: u.Address(), MaxIdle: 4})
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	p.stop = func() {
		cancel()
		serving.Wait()
		upstream.Close()
	}
	dir := t.TempDir()
	log := slog.New(slog.NewJSONHandler(&p.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, role := range Roles() {
		p.listeners[role] = map[string]net.Listener{}
		gate := relay.NewGate(1000)
		if role == Narrow {
			gate = relay.NewGate(p.scale.MaxRequests)
		}
		for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(dir, string(role))} {
			ln, err := net.Listen(network, address)
			require.NoError(t, err)
			p.listeners[role][network] = ln
			policy, err := proxy.New(p.options(role, ln, upstream, log))
			require.NoError(t, err)
			server := relay.NewServer(policy, relay.Options{
				HeaderTimeout: p.scale.HeaderTimeout, DrainTimeout: -1, LingerTimeout: 200 * time.Millisecond,
				Budget: relay.NewBudget(2 << 20), Gate: gate, Log: log})
			serving.Go(func() { _ = server.Serve(ctx, ln) })
		}
	}
	return p
}

func (p *inProcess) options(role Role, ln net.Listener, u *relay.Upstream, log *slog.Logger) proxy.Options {
	c := exchange.Credential{Kind: exchange.Bearer, Token: secret.New(p.bearer), IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
	o := proxy.Options{Profile: "hostile-" + string(role), Provider: "anthropic", Inject: proxy.Anthropic(""), Upstream: u, Listener: ln.Addr(),
		AllowedHosts: []string{"proxy.test"}, Strip: []string{authHeader}, Observe: &p.series, Log: log, Now: time.Now}
	switch role {
	case Keyed:
		o.Key = p.key
	case Tunnel:
		o.Provider, o.Inject, o.Upgrades = "openai", proxy.Bearer(""), true
	case Signer:
		c.Kind, c.Token, c.AWS = exchange.AWS, secret.Value{}, &p.aws
		o.Provider = "aws"
		o.Inject = proxy.SigV4(proxy.SigV4Options{Region: "us-east-1", Service: "bedrock", MaxBody: int64(p.scale.SignLimit)})
	}
	o.Credentials = fixed(c)
	return o
}

func (p *inProcess) Dial(role Role, network string) (net.Conn, error) {
	a := p.listeners[role][network].Addr()
	return net.Dial(a.Network(), a.String())
}

func (p *inProcess) Address(role Role) string { return p.listeners[role]["tcp"].Addr().String() }
func (p *inProcess) Key() string              { return p.keyText }
func (p *inProcess) Bearer(Role) string       { return p.bearer }
func (p *inProcess) Scale() Scale             { return p.scale }

func (p *inProcess) Rotate(key string) error {
	p.keyText = key
	return p.key.Set(secret.New(key))
}

func (p *inProcess) Secrets() []string {
	return []string{p.bearer, p.aws.SecretAccessKey.Reveal(), p.aws.SessionToken.Reveal()}
}

func (p *inProcess) Log() string {
	return p.log.take()
}

func (p *inProcess) Figures(Role) (Figures, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil && runtime.GOOS == "linux" {
		return Figures{}, err
	}
	held := memory()
	if held > p.quiet+8<<20 { // look behind the garbage
		runtime.GC()
		held = memory()
		p.quiet = held
	}
	return Figures{Goroutines: runtime.NumGoroutine(), Descriptors: len(entries), Memory: held, Resident: held}, nil
}

func memory() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

func (p *inProcess) Series(Role) (int, error) {
	p.series.mu.Lock()
	defer p.series.mu.Unlock()
	return len(p.series.seen), nil
}

func (p *inProcess) Close() error {
	p.stop()
	return nil
}

// TestInProcess makes every case against relay and proxy in this process.
func TestInProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("the suite takes seconds")
	}
	u, err := NewUpstream()
	require.NoError(t, err)
	defer u.Close()
	target := startInProcess(t, u)
	defer target.Close()
	runAll(t, target, u, 10*time.Millisecond)
}

// runAll makes every case over both networks, and reports a line for each.
func runAll(t *testing.T, target Target, u *Upstream, silence time.Duration) {
	s, err := NewSuite(target, u)
	require.NoError(t, err)
	defer s.Close()
	s.Silence = silence
	misses, done := 0, 0
	for _, g := range Groups() {
		for _, c := range g.Cases {
			for _, network := range []string{"tcp", "unix"} {
				start := time.Now()
				err := s.Run(c, network)
				done++
				evidence := "ok"
				if err != nil {
					misses++
					evidence = "MISS: " + err.Error()
					t.Errorf("%s over %s (%s, want %s): %v", c.ID, network, c.Name, c.Want, err)
				}
				if testing.Verbose() {
					fmt.Printf("%-8s %-4s %-9s %6d ms  %s: %s\n", c.ID, network, c.Want, time.Since(start).Milliseconds(), c.Name, evidence)
				}
			}
		}
	}
	if testing.Verbose() {
		fmt.Printf("%d cases over 2 networks: %d tried, %d misses\n", Total, done, misses)
	}
	require.Equal(t, 2*Total, done)
}
