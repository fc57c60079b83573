package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// options are the flags of the program.
type options struct {
	provider    string
	shell       string
	tls         bool
	ports       []string
	faults      []string
	readyFile   string
	exitOnEOF   bool
	actions     bool
	apiKey      string
	rfc6749     bool
	enterprise  string
	immutable   bool
	events      int
	interval    time.Duration
	clockOffset time.Duration
	tokenLife   time.Duration
	jwtLife     time.Duration
	oauthBeta   bool
}

func command(in io.Reader, out, errs io.Writer) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "awf-sandbox",
		Short: "Run a loopback stand-in for GitHub's OIDC endpoint and the vendors",
		Long: `awf-sandbox runs GitHub's OIDC endpoint, the vendors' token endpoints and their
APIs on 127.0.0.1, as strict as the originals. It prints the variables that point
a client at it, then serves until it gets SIGINT or SIGTERM.`,
		Example: `  # In one terminal: start it and keep the variables.
  awf-sandbox > sandbox.env
  # In another: use them.
  . ./sandbox.env && awf-cred token

  # The token endpoint is unavailable twice, then answers.
  awf-sandbox --fault anthropic.token:503x2

  # It takes the assertion and never answers.
  awf-sandbox --fault anthropic.token:hang

  # Look at the counters, and break something while it runs.
  curl "$AWF_SANDBOX_ADMIN/counts"
  curl -d '{"endpoint":"github.mint","faults":[{"status":500,"times":3}]}' "$AWF_SANDBOX_ADMIN/faults"`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE:         func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o, in, out) },
	}
	cmd.SetOut(out)
	cmd.SetErr(errs)
	f := cmd.Flags()
	f.StringVar(&o.provider, "provider", "anthropic", "whose variables to print: "+strings.Join(providers(), ", ")+"; all prints those of every vendor but AWF_AUTH_PROVIDER and the audience")
	f.StringVar(&o.shell, "shell", "posix", "form of the variables: posix, fish, powershell, dotenv")
	f.BoolVar(&o.tls, "tls", false, "print https URLs and the CA file (both schemes are always served)")
	f.StringArrayVar(&o.ports, "port", nil, "fix a port, HOST=PORT, such as anthropic=18001 (repeatable)")
	f.StringArrayVar(&o.faults, "fault", nil, "break something, ENDPOINT:STEP[,STEP...] or ENDPOINT:{json} (repeatable); steps: 503, delay=2s, hang[@STAGE], reset[@STAGE], truncate=N, drip=N/100ms, redirect=URL, gate=NAME, date=31s, each with xN for N requests or x* for all")
	f.StringVar(&o.readyFile, "ready-file", "", "write the variables to this file too, once everything is served")
	f.BoolVar(&o.exitOnEOF, "exit-on-eof", false, "end when standard input ends")
	f.BoolVar(&o.actions, "github-actions", false, "print GITHUB_ACTIONS=true as well")
	f.StringVar(&o.apiKey, "api-key", "", "static key that the Messages API accepts in x-api-key")
	f.BoolVar(&o.rfc6749, "rfc6749-errors", false, "refuse exchanges in the older edition of the error body")
	f.BoolVar(&o.oauthBeta, "require-oauth-beta", false, "refuse API calls without the oauth beta header")
	f.StringVar(&o.enterprise, "enterprise", "", "slug of the enterprise issuer")
	f.BoolVar(&o.immutable, "immutable-subject", false, "mint subjects with owner and repository ids")
	f.IntVar(&o.events, "events", 3, "text events in a streamed answer")
	f.DurationVar(&o.interval, "interval", 0, "pause before each text event")
	f.DurationVar(&o.clockOffset, "clock-offset", 0, "move the clock of all endpoints")
	f.DurationVar(&o.jwtLife, "jwt-lifetime", 5*time.Minute, "lifetime of identity tokens")
	f.DurationVar(&o.tokenLife, "token-lifetime", time.Hour, "token_lifetime_seconds of the Anthropic rule")
	return cmd
}

func (o options) config() (sandbox.Config, error) {
	cfg := sandbox.Config{
		TLS: o.tls, GitHubActions: o.actions, APIKey: o.apiKey, RFC6749Errors: o.rfc6749,
		RequireOAuthBeta: o.oauthBeta, EnterpriseSlug: o.enterprise, TokenLifetime: o.jwtLife,
		Identity: sandbox.Identity{ImmutableSubject: o.immutable},
		Rule:     sandbox.Rule{TokenLifetime: o.tokenLife},
		Stream:   sandbox.Stream{Events: o.events, Interval: o.interval},
		Ports:    map[sandbox.Host]int{}, Faults: map[sandbox.Endpoint][]sandbox.Fault{},
	}
	for _, p := range o.ports {
		host, port, _ := strings.Cut(p, "=")
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return cfg, fmt.Errorf("--port %s: want HOST=PORT", p)
		}
		cfg.Ports[sandbox.Host(host)] = int(n)
	}
	for _, text := range o.faults {
		e, faults, err := sandbox.ParseFault(text)
		if err != nil {
			return cfg, fmt.Errorf("--fault: %w", err)
		}
		cfg.Faults[e] = append(cfg.Faults[e], faults...)
	}
	return cfg, nil
}

// run starts the sandbox, tells where it is, and serves until it is told to end.
func run(ctx context.Context, o options, in io.Reader, out io.Writer) error {
	quote, err := dialect(o.shell)
	if err != nil {
		return err
	}
	cfg, err := o.config()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sb, err := sandbox.Run(ctx, cfg)
	if err != nil {
		return err
	}
	defer sb.Close()
	sb.ClockOffset(o.clockOffset)
	vars, err := variables(sb, o)
	if err != nil {
		return err
	}
	if err := announce(out, o.readyFile, quote, vars); err != nil {
		return err
	}
	if o.exitOnEOF {
		go func() { // ends with the program: a read of standard input cannot be called off
			io.Copy(io.Discard, in)
			cancel()
		}()
	}
	<-ctx.Done()
	return sb.Close()
}
