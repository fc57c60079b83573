package config

// Config is the configuration of one run: what the file says, over which
// environment and flags are laid when a profile is selected.
type Config struct {
	Global Global
	// Warnings are lines for the user about settings that were ignored.
	Warnings []string

	in       Inputs
	env      environment
	doc      *document
	problems Problems // of the file and the global settings
}

// Load reads the config file, if there is one, and resolves the program's own
// settings. The error is *Problems and lists every problem found; the Config is
// never nil, and its Select reports these problems together with the profile's,
// so that one run names them all: see [Resolve].
func Load(in Inputs) (*Config, error) {
	c := &Config{in: in, env: newEnvironment(in.Env, in.GOOS), doc: &document{}}
	c.readFile()
	c.resolveGlobal()
	return c, c.problems.err()
}

// Getenv returns a variable of the run's environment, empty for an absent or
// blank one.
func (c *Config) Getenv(name string) string {
	value, _ := c.env.get(name)
	return value
}

// Resolve is Load and Select in one, with the problems of both in one error. The
// Config is never nil.
func Resolve(in Inputs, profile string) (*Config, *Profile, error) {
	c, _ := Load(in)
	p, err := c.Select(profile)
	return c, p, err
}
