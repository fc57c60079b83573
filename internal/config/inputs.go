package config

// Vendor is what config must know of a provider: names, no behaviour. The table
// of vendors is handed in, so that a new one needs no change here.
type Vendor struct {
	Name   string
	Fields []Field
	// StaticKeys are the variables of the vendor's static key, strongest first.
	StaticKeys []string
	// IdentityEnv are the vendor's own identity variables in order of precedence;
	// a name that ends in _FILE holds a path, any other the token itself.
	IdentityEnv []string
	// FederationEnv are the variables that, besides AWF_AUTH_<NAME>_*, say that
	// this vendor is meant when nothing names one. Nil: the second names of the
	// fields that are called like their AWF_AUTH_ variable without AWF_AUTH_.
	FederationEnv []string
	// Check finds settings that contradict each other; nil: none can. It is
	// called when every single value is well formed.
	Check func(Values) []Conflict
}

// Conflict is a contradiction between settings of one profile.
type Conflict struct {
	Fields []string // the names of the settings, as in the file
	Text   string   // what does not fit together
}

// Inputs is the outside world as Load sees it.
type Inputs struct {
	Env []string // as os.Environ gives it
	// Flags holds the flags that the user set, by name without dashes; the
	// last value counts, except where a flag is a list.
	Flags   map[string][]string
	Vendors []Vendor
	GOOS    string // runtime.GOOS
	// LogLevel is the default log level of the command; empty: warn.
	LogLevel string
	// TempLent says that we are root and RUNNER_TEMP belongs to another user.
	TempLent bool
}
