package config

import (
	"slices"
	"strings"
)

// missing words a required setting that nobody gave.
func (c *Config) missing(f Field, p *Profile, from level) Problem {
	text := f.Name + " is missing"
	if p.Provider != "" {
		text = p.Provider + ": " + text
	}
	if !p.FromEnvironment {
		text += " in profile " + p.Name
	}
	if near := c.misspelt(f); near != "" {
		text += "; the variable " + printable(near) + " is set: is it misspelt?"
	}
	return Problem{Setting: f.Name, Text: text, Mend: []string{f.mend(from.prefix)}}
}

// misspelt finds a variable that is set and nearly called like the field's own.
func (c *Config) misspelt(f Field) string {
	for _, name := range f.Env {
		stem, _, _ := strings.Cut(name, "_")
		var others []string
		for _, other := range c.env.names(stem + "_") {
			if !c.known(other) {
				others = append(others, other)
			}
		}
		slices.Sort(others)
		if near := Nearest(name, others); near != "" && distance(name, near) <= 3 {
			return near
		}
	}
	return ""
}

// known reports whether a variable belongs to some setting.
func (c *Config) known(name string) bool {
	has := func(f Field) bool { return slices.Contains(f.Env, name) }
	if slices.ContainsFunc(GlobalFields(), has) || slices.ContainsFunc(ProfileFields(), has) {
		return true
	}
	return slices.ContainsFunc(c.in.Vendors, func(v Vendor) bool {
		return slices.ContainsFunc(v.Fields, has) || slices.Contains(v.StaticKeys, name) || slices.Contains(v.IdentityEnv, name)
	})
}
