package config

import "strings"

// environment looks variables up. Of a name that occurs twice the first counts,
// as for the C library and Go.
type environment struct {
	values map[string]string
	fold   bool // names of variables have no case (Windows)
}

func newEnvironment(env []string, goos string) environment {
	e := environment{values: make(map[string]string, len(env)), fold: goos == "windows"}
	for _, entry := range env {
		name, value, ok := strings.Cut(entry, "=")
		if !ok || name == "" {
			continue
		}
		name = e.key(name)
		if _, twice := e.values[name]; !twice {
			e.values[name] = value
		}
	}
	return e
}

func (e environment) key(name string) string {
	if e.fold {
		return strings.ToUpper(name)
	}
	return name
}

// get returns the value as it is, false for an absent or blank variable: an
// Actions workflow cannot leave one out, it can only leave it empty.
func (e environment) get(name string) (string, bool) {
	value := e.values[e.key(name)]
	return value, !blank(value)
}

// names are those that begin with prefix and are not blank.
func (e environment) names(prefix string) []string {
	var names []string
	for name, value := range e.values {
		if strings.HasPrefix(name, prefix) && !blank(value) {
			names = append(names, name)
		}
	}
	return names
}

func blank(value string) bool { return strings.TrimSpace(value) == "" }
