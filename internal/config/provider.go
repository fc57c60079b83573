package config

import (
	"slices"
	"strings"

	"github.com/awf-cred/awf-cred/pkg/secret"
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

// staticProvider is the provider whose static key is there; with several keys
// wanted decides, and without it that is a contradiction (found, no vendor).
func (c *Config) staticProvider(wanted string, problems *Problems) (v Vendor, name string, found bool) {
	var vendors []Vendor
	var names []string
	for _, v := range c.in.Vendors {
		if name, ok := c.staticKey(v); ok {
			if v.Name == wanted {
				return v, name, true
			}
			vendors, names = append(vendors, v), append(names, name)
		}
	}
	switch len(vendors) {
	case 0:
		return Vendor{}, "", false
	case 1:
		return vendors[0], names[0], true
	}
	problems.add(Problem{
		Setting: "provider",
		Text:    "static keys of several providers are set (env " + strings.Join(names, ", env ") + "), and nothing says which is meant",
		Mend:    []string{c.mendProvider(), "or unset all but one of " + strings.Join(names, ", ")},
	})
	return Vendor{}, "", true
}

// staticKey is the strongest variable of the vendor's static key that is there.
func (c *Config) staticKey(v Vendor) (string, bool) {
	for _, name := range v.StaticKeys {
		if _, ok := c.env.get(name); ok {
			return name, true
		}
	}
	return "", false
}

// static is the static path of the environment's profile, nil when it is not
// taken: a type of authentication is set, or the provider has no key there.
func (c *Config) static(v Vendor, problems *Problems) *Static {
	name, ok := c.staticKey(v)
	if !ok || c.authType() {
		return nil
	}
	value, _ := c.env.get(name)
	if err := checkKey(value); err != nil {
		problems.add(Problem{Text: "env " + name + " (redacted): " + err.Error(), Mend: []string{"set " + name + " to the key alone"}})
	}
	return &Static{Env: name, Value: secret.New(value)}
}

// inferred is the one provider whose variables, or whose keys in the profile,
// are there.
func (c *Config) inferred(p *Profile, s *section, sel selection, problems *Problems) (Vendor, bool) {
	var found []Vendor
	var evidence []Origin
	for _, v := range c.in.Vendors {
		if sign, ok := c.signOf(v, s, c.ignored(sel)); ok {
			found, evidence = append(found, v), append(evidence, sign)
		}
	}
	if len(found) == 1 {
		p.Provider, p.ProviderOrigin = found[0].Name, evidence[0]
		return found[0], true
	}
	if sel.identityOnly || c.doc.broken {
		return Vendor{}, false
	}
	if len(found) > 1 {
		c.checkAll(found, problems)
		signs := make([]string, len(found))
		for i, v := range found {
			signs[i] = v.Name + ": " + evidence[i].String()
		}
		problems.add(Problem{
			Setting: "provider",
			Text:    "settings of several providers are there (" + strings.Join(signs, ", ") + "), and nothing says which is meant",
			Mend:    []string{c.mendProvider()},
		})
		return Vendor{}, false
	}
	text := "nothing says which provider to use"
	if s != nil {
		text = "profile " + s.name + ": " + text
	}
	problems.add(Problem{Setting: "provider", Text: text, Mend: append([]string{c.mendProvider()}, c.needs(s)...)})
	return Vendor{}, false
}

// signOf is a variable, a flag, or a key of the profile that only makes sense for v.
func (c *Config) signOf(v Vendor, s *section, ignore func(string) bool) (Origin, bool) {
	names := c.env.names("AWF_AUTH_" + strings.ToUpper(v.Name) + "_")
	slices.Sort(names)
	if !c.authType() { // with a type, the variables of its own family decide alone
		names = append(names, v.federation()...)
	}
	for _, name := range names {
		if _, ok := c.env.get(name); ok && (ignore == nil || !ignore(name)) {
			return Origin{Kind: FromEnv, Name: name}, true
		}
	}
	for _, f := range v.Fields {
		if _, ok := c.flag(f); ok {
			return Origin{Kind: FromFlag, Name: f.Flag}, true
		}
		if s != nil && s.entries[f.Name].value != "" && c.only(v, f.Name) {
			return s.entries[f.Name].origin(c.doc.path), true
		}
	}
	return Origin{}, false
}

// only reports whether no vendor but v has a field of that name.
func (c *Config) only(v Vendor, field string) bool {
	return !slices.ContainsFunc(c.in.Vendors, func(w Vendor) bool {
		return w.Name != v.Name && slices.ContainsFunc(w.Fields, func(f Field) bool { return f.Name == field })
	})
}

// federation are the vendor's own variables that say it is meant.
func (v Vendor) federation() []string {
	if v.FederationEnv != nil {
		return v.FederationEnv
	}
	var names []string
	for _, f := range v.Fields {
		for _, name := range f.Env {
			if slices.Contains(f.Env, "AWF_AUTH_"+name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// needs lists for each provider what it cannot do without.
func (c *Config) needs(s *section) []string {
	var lines []string
	for _, v := range c.in.Vendors {
		var names []string
		for _, f := range v.Fields {
			if f.Required && s != nil {
				names = append(names, f.Name)
			} else if f.Required && len(f.Env) > 0 {
				names = append(names, f.Env[0])
			}
		}
		line := v.Name + " needs " + strings.Join(names, ", ")
		if s == nil && len(v.StaticKeys) > 0 {
			line += ", or a static key in " + strings.Join(v.StaticKeys, " or ")
		}
		lines = append(lines, line)
	}
	return lines
}

// checkAll reports what is malformed whichever of the vendors is meant.
func (c *Config) checkAll(vendors []Vendor, problems *Problems) {
	for _, v := range vendors {
		c.resolve(v.Fields, level{prefix: "profiles.NAME."}, problems)
	}
}

// ignored says which variables do not count when several profiles are served:
// those that belong to one provider's federation, and the audience.
func (c *Config) ignored(sel selection) func(string) bool {
	if !sel.several {
		return nil
	}
	return func(name string) bool {
		if strings.HasPrefix(name, "AWF_AUTH_") {
			return name != "AWF_AUTH_TYPE" && name != "AWF_AUTH_PROVIDER"
		}
		return slices.ContainsFunc(c.in.Vendors, func(v Vendor) bool {
			return slices.Contains(v.federation(), name) ||
				slices.Contains(v.IdentityEnv, name) && strings.HasPrefix(name, strings.ToUpper(v.Name)+"_IDENTITY_TOKEN")
		})
	}
}

// severalWarning is the one warning about ignored variables.
func (c *Config) severalWarning() string {
	ignored := c.ignored(selection{several: true})
	var names []string
	for _, name := range c.env.names("") {
		if ignored(name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return "several profiles are in use: ignored " + printable(strings.Join(names, ", "))
}
