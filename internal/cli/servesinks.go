package cli

import (
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/serve"
)

// others are the profiles of the config file's sinks.
func (o *serveOptions) others(cfg *config.Config) (names []string) {
	for _, s := range cfg.Serve().Sinks {
		names = append(names, s.Profile)
	}
	return names
}

func (o *serveOptions) makeSinks(a *app, plan *planned) ([]serve.Sink, error) { return nil, nil }
