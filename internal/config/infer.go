package config

import (
	"slices"
	"strings"
)

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
