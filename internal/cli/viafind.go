package cli

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/internal/serve"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// find reads where the serve is.
func (o *viaOptions) find(a *app, p *config.Profile, consumer string) (*server, error) {
	s := &server{}
	var err error
	if o.address != "" {
		s.base, err = parseVia(o.address)
		s.credentials = o.address
	} else {
		err = o.fromFile(a, s, consumer)
	}
	if err != nil {
		return nil, err
	}
	if o.keyFile != "" {
		if s.key, err = readKeyFile(o.keyFile); err != nil {
			return nil, err
		}
	}
	if s.provider == "" {
		s.provider = p.Provider
	}
	if s.provider == "" {
		s.provider = providerOfPort(s.base)
	}
	if s.provider == "" && consumer != awsSDK {
		return nil, usage("provider", "is not known: nothing says which variables are wanted",
			"choose one with --provider: "+strings.Join(provider.Names(), ", "))
	}
	return s, nil
}

// parseVia reads an address of serve.
func parseVia(address string) (*url.URL, error) {
	if strings.HasPrefix(address, "unix:") {
		return nil, usage("flag --via", "names a unix socket, which no SDK can use", "let serve listen on 127.0.0.1 too")
	}
	text := address
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Port() == "" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, usage("flag --via", "is not the address of a serve", "write host:port or http://host:port")
	}
	return &url.URL{Scheme: "http", Host: u.Host}, nil
}

// longestReadyFile bounds a ready file, in bytes.
const longestReadyFile = 1 << 20

// fromFile reads the ready file.
func (o *viaOptions) fromFile(a *app, s *server, consumer string) error {
	data, err := atomicfile.Read(o.readyFile, longestReadyFile)
	var ready serve.Ready
	if err == nil {
		ready, err = serve.ParseReady(data)
	}
	if err != nil {
		return &exchange.Error{Step: "ready file", Cause: exchange.Unavailable, Err: err,
			Hint: "start serve with --ready-file and this path; --wait 30s waits for it"}
	}
	return s.take(a, ready, consumer)
}

// take chooses the listener: the profile's that is asked for, or the only one.
func (s *server) take(a *app, ready serve.Ready, consumer string) error {
	if ready.ClientKey != nil {
		s.key = secret.New(*ready.ClientKey)
	}
	if ready.CredentialsEndpoint != nil {
		s.credentials = *ready.CredentialsEndpoint
	}
	if consumer == awsSDK {
		return nil
	}
	wanted := ""
	if names := all(a.cmd.Flags(), "profile"); len(names) > 0 {
		wanted = names[len(names)-1]
	}
	var names []string
	var found []serve.ReadyListener
	for _, l := range ready.Listeners {
		if l.URL != nil && (wanted == "" || l.Profile == wanted) {
			found = append(found, l)
		}
		if !slices.Contains(names, l.Profile) {
			names = append(names, l.Profile)
		}
	}
	switch {
	case len(found) == 0 && wanted != "" && len(ready.Listeners) > 0:
		return usage("flag --profile", "that serve has no listener on a port for it", "its profiles are: "+printable(strings.Join(names, ", ")))
	case len(found) == 0:
		return usage("ready file", "that serve listens on no port, and no SDK can use a unix socket")
	case wanted == "" && len(names) > 1:
		return usage("ready file", "that serve has several profiles", "choose one with --profile: "+printable(strings.Join(names, ", ")))
	}
	u, err := url.Parse(*found[0].URL)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return usage("ready file", "holds no URL of a listener")
	}
	s.base, s.provider, s.profile = u, found[0].Provider, found[0].Profile
	return nil
}

// providerOfPort is the provider whose default port it is.
func providerOfPort(u *url.URL) string {
	if u == nil {
		return ""
	}
	var found string
	for _, v := range provider.All {
		if strconv.Itoa(v.Port) != u.Port() {
			continue
		}
		if found != "" {
			return "" // openai and azure have the same
		}
		found = v.Name
	}
	return found
}
