package config

import (
	"strings"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

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
