package config

import (
	"slices"
	"strings"
)

// fill resolves the profile's settings and reports the missing ones.
func (c *Config) fill(p *Profile, s *section, v Vendor, sel selection, problems *Problems) {
	from := level{prefix: "profiles." + nameOf(s) + ".", ignore: c.ignored(sel)}
	if s != nil {
		from.entries = s.entries
	}
	fields := slices.Clone(v.Fields)
	for _, f := range ProfileFields() {
		if !slices.ContainsFunc(fields, func(g Field) bool { return g.Name == f.Name }) {
			fields = append(fields, f)
		}
	}
	before := len(problems.List)
	p.Values = c.resolve(fields, from, problems)
	for _, f := range fields {
		if f.Required && p.Values.Get(f.Name) == "" && p.Static == nil && !sel.identityOnly && !c.doc.broken {
			problems.add(c.missing(f, p, from))
		}
	}
	c.foreign(s, p, v, problems)
	if v.Check != nil && p.Static == nil && len(problems.List) == before {
		for _, conflict := range v.Check(p.Values) {
			problems.add(contradiction(conflict, p.Values))
		}
	}
	p.Audience, p.Upstream, p.BasePath = p.Values["audience"], p.Values["upstream"], p.Values["base_path"]
	p.AllowAssertionReuse = p.Values.bool("allow_assertion_reuse")
	c.fillGlobals(p, from, problems)
}

// fillGlobals lets a profile say otherwise for the settings of the program that
// may differ between profiles.
func (c *Config) fillGlobals(p *Profile, from level, problems *Problems) {
	entries := map[string]entry{}
	for _, f := range profileGlobals() {
		if e, ok := from.entries[f.Name]; ok {
			entries[f.Name] = e
		} else if e, ok := c.doc.globals[f.Name]; ok {
			entries[f.Name] = e
		}
	}
	values := c.resolve(profileGlobals(), level{entries: entries, prefix: from.prefix}, problems)
	p.Cache, p.CacheOrigin = values.Get("cache"), values["cache"].Origin
	p.MinTTL = values.duration("min_ttl")
	for name, setting := range values {
		p.Values[name] = setting
	}
}

// foreign reports keys of a profile that left its provider open and got one that
// does not have them.
func (c *Config) foreign(s *section, p *Profile, v Vendor, problems *Problems) {
	if s == nil || s.entries["provider"].value != "" || p.Provider == "" {
		return
	}
	allowed := append(fieldNames(append(ProfileFields(), profileGlobals()...)), fieldNames(v.Fields)...)
	for key, e := range s.entries {
		if !slices.Contains(allowed, key) {
			problems.add(Problem{
				Setting: key,
				Text: "profile " + s.name + " has " + key + " (" + e.origin(c.doc.path).String() + "), which is no setting of " +
					p.Provider + " (" + p.ProviderOrigin.String() + ")",
				Mend: []string{"write provider: in the profile, or remove " + key},
			})
		}
	}
}

// contradiction names the origins of settings that do not fit together.
func contradiction(conflict Conflict, values Values) Problem {
	var parts []string
	for _, name := range conflict.Fields {
		s := values[name]
		value := quoted(s.Value)
		if s.Secret {
			value = "(redacted)"
		}
		parts = append(parts, name+" = "+value+" ("+s.Origin.String()+")")
	}
	p := Problem{Text: strings.Join(parts, " and ") + ": " + conflict.Text, Mend: []string{"change one of " + strings.Join(conflict.Fields, ", ")}}
	if len(conflict.Fields) > 0 {
		p.Setting = conflict.Fields[0]
	}
	return p
}

func nameOf(s *section) string {
	if s == nil {
		return "NAME"
	}
	return s.name
}
