package config

import (
	"slices"
	"strings"
)

// Select resolves one profile: the named one, or with an empty name the one that
// --profile, AWF_CRED_PROFILE or default_profile names, else the one that the
// environment makes up. The error is *Problems; it includes those of Load.
func (c *Config) Select(name string) (*Profile, error) {
	problems := c.copied()
	p := c.selected(selection{name: name}, problems)
	return p, problems.err()
}

// SelectIdentity is Select for a command that only mints: no provider need be
// named, none of its settings need be there, and a static key is no way out.
func (c *Config) SelectIdentity(name string) (*Profile, error) {
	problems := c.copied()
	p := c.selected(selection{name: name, identityOnly: true}, problems)
	return p, problems.err()
}

// SelectAll resolves the profiles that one serve works with. Of several, each is
// what the file says: variables that belong to one provider or one profile are
// ignored, and warning names them, empty when there are none. Without names it
// is Select.
func (c *Config) SelectAll(names []string) (profiles []*Profile, warning string, err error) {
	unique := slices.Clone(names)
	slices.Sort(unique)
	if len(slices.Compact(unique)) < 2 {
		p, err := c.Select(strings.Join(names[:min(1, len(names))], ""))
		return slices.Repeat([]*Profile{p}, max(1, len(names))), "", err
	}
	problems := c.copied()
	for _, name := range names {
		profiles = append(profiles, c.selected(selection{name: name, several: true}, problems))
	}
	return profiles, c.severalWarning(), problems.err()
}

// Validate resolves every profile of the file, or without any the one from the
// environment, and reports all that is wrong with them.
func (c *Config) Validate() error {
	names := c.ProfileNames()
	if len(names) == 0 {
		_, err := c.Select("")
		return err
	}
	_, _, err := c.SelectAll(names)
	return err
}

// ProfileNames are the profiles of the file, in its order.
func (c *Config) ProfileNames() []string { return c.doc.names() }

// Serve is the file's serve section; what is wrong with it Load has reported.
func (c *Config) Serve() ServeSection { return c.doc.serve }

// selection is how a profile is resolved.
type selection struct {
	name         string
	several      bool // one of several profiles in one process
	identityOnly bool
}

func (c *Config) copied() *Problems {
	return &Problems{List: slices.Clone(c.problems.List)}
}

// selected follows the order of the decisions: profile, provider, static path,
// settings, identity. It returns a profile whatever is wrong with it.
func (c *Config) selected(sel selection, problems *Problems) *Profile {
	c.checkAuthType(problems)
	p := &Profile{Name: EnvironmentProfile, FromEnvironment: true}
	s, ok := c.chooseProfile(sel, problems)
	if !ok {
		return p
	}
	if s != nil {
		p.Name, p.FromEnvironment = s.name, false
	}
	v, ok := c.chooseProvider(p, s, sel, problems) // without one, what is malformed is named all the same
	if ok && p.FromEnvironment && !sel.identityOnly {
		p.Static = c.static(v, problems)
	}
	c.fill(p, s, v, sel, problems)
	if p.Static == nil {
		p.Identity = c.chooseIdentity(s, v, c.ignored(sel), problems)
	}
	return p
}

// chooseProfile finds the file's section, nil for the environment's profile;
// false when a profile is named that cannot be had.
func (c *Config) chooseProfile(sel selection, problems *Problems) (*section, bool) {
	name, from := sel.name, ""
	if name == "" {
		f := c.field("profile")
		value, origin, said := c.find(f, level{})
		switch {
		case said:
			name, from = f.clean(value), " ("+origin.String()+")"
		case c.doc.defaults.value != "":
			name, from = c.doc.defaults.value, " ("+c.doc.defaults.origin(c.doc.path).String()+")"
		default:
			return nil, true
		}
	}
	if s := c.doc.section(name); s != nil {
		return s, true
	}
	if c.doc.broken {
		return nil, false // the file's mistakes are reported, it may well have that profile
	}
	p := Problem{Setting: "profile", Text: "profile " + quoted(name) + from + " is not in the config file"}
	names := c.doc.names()
	switch near := Nearest(name, names); {
	case !c.Global.ConfigFound && c.Global.ConfigPath == "":
		p.Text = "profile " + quoted(name) + from + ": there is no config file"
		p.Mend = []string{"name a config file with --config or AWF_CRED_CONFIG, or leave the profile out"}
	case !c.Global.ConfigFound:
		p.Text = "profile " + quoted(name) + from + ": there is no config file " + printable(c.Global.ConfigPath)
		p.Mend = []string{"name a config file with --config or AWF_CRED_CONFIG, or leave the profile out"}
	case near != "":
		p.Text += " " + printable(c.Global.ConfigPath) + "; did you mean " + near + "?"
		p.Mend = []string{"set --profile or AWF_CRED_PROFILE to one of: " + strings.Join(names, ", ")}
	case len(names) > 0:
		p.Text += " " + printable(c.Global.ConfigPath)
		p.Mend = []string{"set --profile or AWF_CRED_PROFILE to one of: " + strings.Join(names, ", ")}
	default:
		p.Text += " " + printable(c.Global.ConfigPath) + ", which has no profiles"
		p.Mend = []string{"add it under profiles: in the config file"}
	}
	problems.add(p)
	return nil, false
}

// checkAuthType refuses every type of authentication but the one there is.
func (c *Config) checkAuthType(problems *Problems) {
	f := c.field("auth_type")
	value, origin, ok := c.find(f, level{})
	if !ok {
		return
	}
	value = strings.ToLower(f.clean(value))
	if text := f.wrong(value); text != "" {
		problems.add(Problem{
			Setting: f.Name,
			Text:    origin.String() + " = " + quoted(value) + ": " + text,
			Mend:    []string{"set AWF_AUTH_TYPE to github-oidc, or leave it empty"},
		})
	}
}

// authType reports whether a type of authentication is set.
func (c *Config) authType() bool {
	_, _, ok := c.find(c.field("auth_type"), level{})
	return ok
}
