package config

import (
	"errors"
	"time"
)

// Global are the settings of the program, whatever the profile.
type Global struct {
	ConfigPath  string // the config file that is used or would be; empty when no directory for it is known
	ConfigFound bool   // the file exists and was read

	CacheStore string // file, keyring, auto, memory, none; a profile may say otherwise
	// CacheDir is the cache directory, empty when none can be named; CacheReason
	// says by which rule it was chosen, or why there is none.
	CacheDir    string
	CacheReason string
	MinTTL      *time.Duration // nil: the rule of the token source
	CAFile      string         // empty: the system's roots alone
	Timeout     time.Duration  // of the whole command
	LogLevel    string         // debug, info, warn, error
	LogFormat   string         // text, json

	// Settings are all of these by name, with their origins.
	Settings Values
}

// readFile finds and reads the config file. A file that was named must exist,
// the one in the user's folder may be missing. The working directory is never
// searched.
func (c *Config) readFile() {
	where := c.field("config")
	path, origin, named := c.find(where, level{})
	if !named {
		path = userDirs{env: c.env, goos: c.in.GOOS}.configFile()
	}
	c.Global.ConfigPath = path
	c.doc.path = path
	if path == "" {
		return
	}
	data, err := load(path)
	switch {
	case err == nil:
		var problems Problems
		c.doc, problems = read(path, data, c.in.Vendors)
		c.problems.join(&problems)
		c.Global.ConfigFound = true
	case named:
		c.doc.broken = true
		c.problems.add(Problem{
			Setting: "config",
			Text:    "config file " + printable(path) + " (" + origin.String() + "): " + err.Error(),
			Mend:    []string{"set AWF_CRED_CONFIG or --config to a readable YAML file"},
		})
	case errors.Is(err, errNoFile):
	case unreachable(path):
		c.Warnings = append(c.Warnings, "config file "+printable(path)+" is ignored: its folder cannot be read")
	default:
		c.doc.broken = true
		c.problems.add(Problem{
			Setting: "config",
			Text:    "config file " + printable(path) + ": " + err.Error(),
			Mend:    []string{"make it a readable YAML file, or remove it, or name another with --config"},
		})
	}
}

// field is one of the program's own settings.
func (c *Config) field(name string) Field {
	for _, f := range globalFields() {
		if f.Name == name {
			return f
		}
	}
	return Field{Name: name}
}

// resolveGlobal resolves the settings that do not depend on a profile.
func (c *Config) resolveGlobal() {
	g := &c.Global
	fields := fileGlobals()
	for i := range fields {
		if fields[i].Name == "log_level" && c.in.LogLevel != "" {
			fields[i].Default = c.in.LogLevel
		}
	}
	g.Settings = c.resolve(fields, level{entries: c.doc.globals}, &c.problems)
	g.CacheStore = g.Settings.Get("cache")
	g.MinTTL = g.Settings.duration("min_ttl")
	g.CAFile = g.Settings.Get("ca_file")
	g.LogFormat = g.Settings.Get("log_format")
	if d := g.Settings.duration("timeout"); d != nil {
		g.Timeout = *d
	}
	c.resolveLogLevel()
	c.resolveCacheDir()
	c.resolveConfigPath()
}

// resolveConfigPath lists the config file among the settings.
func (c *Config) resolveConfigPath() {
	_, origin, named := c.find(c.field("config"), level{})
	if !named {
		origin = Origin{Kind: FromDefault}
	}
	c.Global.Settings["config"] = Setting{Name: "config", Value: c.Global.ConfigPath, Origin: origin}
}

// resolveCacheDir applies the rule of the default cache directory.
func (c *Config) resolveCacheDir() {
	g := &c.Global
	s := g.Settings["cache_dir"]
	if s.Value != "" {
		g.CacheDir, g.CacheReason = s.Value, s.Origin.String()
		return
	}
	dirs := userDirs{env: c.env, goos: c.in.GOOS, lent: c.in.TempLent}
	g.CacheDir, g.CacheReason = dirs.cacheDir()
	s.Value = g.CacheDir
	g.Settings["cache_dir"] = s
	for _, name := range dirs.ignored() {
		c.Warnings = append(c.Warnings, name+" is ignored: it is not an absolute path")
	}
}

// resolveLogLevel lets --quiet and --verbose stand for a level.
func (c *Config) resolveLogLevel() {
	s := c.Global.Settings["log_level"]
	said := s.Origin
	for _, short := range []struct{ flag, level string }{{"quiet", "error"}, {"verbose", "debug"}} {
		value, ok := c.flag(Field{Flag: short.flag})
		if !ok || value == "false" {
			continue
		}
		origin := Origin{Kind: FromFlag, Name: short.flag}
		if said.Kind == FromFlag && s.Value != short.level {
			c.problems.add(Problem{
				Setting: "log_level",
				Text:    "log_level: " + said.String() + " says " + quoted(s.Value) + ", " + origin.String() + " says " + quoted(short.level),
				Mend:    []string{"give one of --quiet, --verbose and --log-level"},
			})
			continue
		}
		s.Value, s.Origin, said = short.level, origin, origin
	}
	c.Global.LogLevel = s.Value
	c.Global.Settings["log_level"] = s
}

// duration is a setting that passed its check, nil when it is not set.
func (v Values) duration(name string) *time.Duration {
	d, err := time.ParseDuration(v.Get(name))
	if err != nil {
		return nil
	}
	return &d
}
