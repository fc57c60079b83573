package config

import (
	"strings"
)

// normalProvider is a provider's name without blanks and case, as the sidecar of
// gh-aw-firewall reads it. A line break stays, and makes the name unknown.
func normalProvider(name string) string { return strings.ToLower(strings.Trim(name, " \t")) }

func (c *Config) vendor(name string) (Vendor, bool) {
	for _, v := range c.in.Vendors {
		if v.Name == name {
			return v, true
		}
	}
	return Vendor{}, false
}

func (c *Config) vendorNames() []string {
	names := make([]string, 0, len(c.in.Vendors))
	for _, v := range c.in.Vendors {
		names = append(names, v.Name)
	}
	return names
}

// chooseProvider is the order in which the provider is decided: the flag, the
// profile, AWF_AUTH_PROVIDER, a static key, the provider whose variables are
// there. Without a type of authentication a static key that is there comes
// before AWF_AUTH_PROVIDER, unless that one names a provider with a key.
func (c *Config) chooseProvider(p *Profile, s *section, sel selection, problems *Problems) (Vendor, bool) {
	value, origin, said := c.find(c.field("provider"), level{})
	if s != nil && s.entries["provider"].value != "" && origin.Kind != FromFlag {
		e := s.entries["provider"]
		value, origin, said = e.value, e.origin(c.doc.path), true
	}
	name := normalProvider(value)
	v, known := c.vendor(name)
	if said && !known {
		problems.add(c.unknownProvider(name, origin))
		return Vendor{}, false
	}
	if s == nil && !c.authType() && !sel.identityOnly && origin.Kind != FromFlag {
		if v, key, found := c.staticProvider(name, problems); found {
			p.Provider, p.ProviderOrigin = v.Name, Origin{Kind: FromEnv, Name: key}
			return v, v.Name != ""
		}
	}
	if !said {
		return c.inferred(p, s, sel, problems)
	}
	p.Provider, p.ProviderOrigin = v.Name, origin
	return v, true
}

// unknownProvider words a name that no provider has.
func (c *Config) unknownProvider(name string, origin Origin) Problem {
	text := "provider = " + quoted(name) + " (" + origin.String() + "): is not known"
	if near := Nearest(name, c.vendorNames()); near != "" {
		text += "; did you mean " + near + "?"
	}
	return Problem{Setting: "provider", Text: text, Mend: []string{c.mendProvider()}}
}

// mendProvider names the ways to name a provider.
func (c *Config) mendProvider() string {
	return "set --provider, AWF_AUTH_PROVIDER, or provider: in a profile to one of: " + strings.Join(c.vendorNames(), ", ")
}
