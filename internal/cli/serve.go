package cli

import (
	"context"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/awf-cred/awf-cred/internal/serve"
)

type serveOptions struct {
	proxyFlags
	listen        []string
	readyFile     string
	readyFD       int
	allowRemote   bool
	keyFile       string
	key           string
	keepServing   bool
	withParent    bool
	sinks         []string
	sinkCleanup   bool
	credentials   string
	inherited     []serve.Inherited // from systemd
	readyFDChosen bool
	hub           atomic.Pointer[serve.Hub]    // once its logs are open
	remains       atomic.Pointer[[]serve.Sink] // once the server runs: what it would remove at its end
}

func newServeCmd(a *app) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve an AI API on a local port with the credential set",
		Long: `Run a reverse proxy on a local port. Clients send requests without a credential of
their own; serve removes what they send, sets the profile's credential, and renews
it for as long as it runs. Clients never see the credential.

Every process of this machine can use the port, unless --client-key-file or
--client-key generate demands a key: in a credential header, or as the first
segment of the path (/KEY/v1/...). A unix socket (--listen unix:PATH) is for
processes of this user only.

With one profile every --listen serves it; with several the first --listen serves
the first --profile, and so on. Without --listen the serve section of the config
file says what listens, else the provider's port: openai and azure 10000,
anthropic 10001, gcp 10004, aws 10005.

A request that failed on a kept connection before an answer came is sent once
more, POST included; it may then run twice.

SIGTERM or SIGINT drains, a second one ends at once. SIGHUP reads the
configuration, the certificates and the client key anew, and opens the logs anew.`,
		Example: `  awf-cred serve
  awf-cred serve --listen 127.0.0.1:0 --ready-file "$RUNNER_TEMP/awf-cred.json" &
  out=$(awf-cred env --ready-file "$RUNNER_TEMP/awf-cred.json" --wait 30s) && eval "$out"
  awf-cred serve --listen unix:/run/user/1000/claude.sock --allow inference
  awf-cred serve --listen 0.0.0.0:10001 --allow-remote --client-key-file key`,
		Args:        noArguments,
		Annotations: map[string]string{usesSettings: "yes", ownSignals: "yes"},
	}
	cmd.RunE = a.action(func(ctx context.Context, _ []string) error {
		o.readyFDChosen = cmd.Flags().Changed("ready-fd")
		return runServe(ctx, a, &o)
	})
	fs := cmd.Flags()
	fs.StringArrayVar(&o.listen, "listen", nil, "`host:port` or unix:path; port 0 is any free one; repeatable")
	fs.StringVar(&o.readyFile, "ready-file", "", "write the addresses as JSON to `file` as soon as they are bound")
	fs.IntVar(&o.readyFD, "ready-fd", 0, "the same to an open `descriptor`")
	fs.BoolVar(&o.allowRemote, "allow-remote", false, "permit addresses that other machines reach; needs a client key")
	fs.StringVar(&o.keyFile, "client-key-file", "", "demand the key in the first line of `file` from every client")
	fs.StringVar(&o.key, "client-key", "", "`generate`: make a key and put it into the ready file")
	fs.BoolVar(&o.keepServing, "keep-serving", false, "go on when the configuration cannot work, and say so to clients")
	fs.BoolVar(&o.withParent, "die-with-parent", false, "end when the process that started us ends")
	fs.StringArrayVar(&o.sinks, "sink", nil, "keep a file fresh: `kind:path`; repeatable")
	fs.BoolVar(&o.sinkCleanup, "sink-cleanup", false, "remove what sinks wrote at the end")
	fs.StringVar(&o.credentials, "credentials-endpoint", "", "serve AWS container credentials on `host:port`")
	o.bind(cmd)
	minTTLFlag(cmd)
	return cmd
}
