package config

import (
	"fmt"
	"slices"
	"strings"
)

const redacted = "(redacted)"

// Settings lists every setting of the program and of the profile with its
// origin, in a fixed order: what `config show` prints. Secrets are redacted.
func (c *Config) Settings(p *Profile) []Setting {
	var list []Setting
	for _, f := range GlobalFields() {
		if s, ok := c.Global.Settings[f.Name]; ok && p.Values[f.Name].Name == "" {
			list = append(list, s)
		}
	}
	list = append(list, c.profileSettings(p)...)
	names := make([]string, 0, len(p.Values))
	for name := range p.Values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		s := p.Values[name]
		if s.Secret && s.Value != "" {
			s.Value = redacted
		}
		list = append(list, s)
	}
	return list
}

// profileSettings are the choices that are no fields: profile, provider, static
// key, identity.
func (c *Config) profileSettings(p *Profile) []Setting {
	list := []Setting{
		{Name: "profile", Value: p.Name, Origin: c.profileOrigin(p)},
		{Name: "provider", Value: p.Provider, Origin: p.ProviderOrigin},
	}
	if value, origin, ok := c.find(c.field("auth_type"), level{}); ok {
		list = append(list, Setting{Name: "auth_type", Value: strings.ToLower(strings.TrimSpace(value)), Origin: origin})
	}
	if p.Static != nil {
		return append(list, Setting{Name: "static_key", Value: redacted, Origin: Origin{Kind: FromEnv, Name: p.Static.Env}, Secret: true})
	}
	list = append(list, Setting{Name: "identity", Value: p.Identity.String(), Origin: p.Identity.Origin})
	if p.Identity.Type == Env {
		list = append(list, Setting{Name: "identity_token", Value: redacted, Origin: Origin{Kind: FromEnv, Name: p.Identity.EnvName}, Secret: true})
	}
	return list
}

// profileOrigin is what chose the profile.
func (c *Config) profileOrigin(p *Profile) Origin {
	if p.FromEnvironment {
		return Origin{Kind: FromDefault}
	}
	f := c.field("profile")
	if value, origin, ok := c.find(f, level{}); ok && f.clean(value) == p.Name {
		return origin
	}
	if c.doc.defaults.value == p.Name {
		return c.doc.defaults.origin(c.doc.path)
	}
	return Origin{Kind: FromFlag, Name: "profile"}
}

// String is the short form of an identity source. The arguments of a command may
// hold a secret and are only counted.
func (id Identity) String() string {
	switch id.Type {
	case File:
		return "file:" + id.Path
	case Env:
		return "env:" + id.EnvName
	case Command:
		switch n := len(id.Argv) - 1; n {
		case -1, 0:
			return "command:" + strings.Join(id.Argv, "")
		case 1:
			return "command:" + id.Argv[0] + " (1 argument)"
		default:
			return fmt.Sprintf("command:%s (%d arguments)", id.Argv[0], n)
		}
	}
	return string(id.Type)
}
