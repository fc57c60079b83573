package config

import (
	"slices"
	"strings"
)

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
