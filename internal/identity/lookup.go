package identity

import (
	"os"
	"strings"
)

// lookup reads variables of an environment; the first of a name counts. Names
// have no case on Windows.
func lookup(env []string, goos string) func(string) string {
	key := func(name string) string { return name }
	if goos == "windows" {
		key = strings.ToUpper
	}
	values := make(map[string]string, len(env))
	for _, entry := range env {
		name, value, ok := strings.Cut(entry, "=")
		if name = key(name); ok && name != "" {
			if _, twice := values[name]; !twice {
				values[name] = value
			}
		}
	}
	return func(name string) string { return values[key(name)] }
}

// program finds the file of a command. A name without separator is looked for in
// those entries of PATH that are absolute; nothing is ever taken from the working
// directory, which may belong to a pull request.
func program(name string, env func(string) string, goos string) (string, error) {
	if separated(name, goos) {
		if !absolute(name, goos) {
			return "", errRelative
		}
		return name, nil
	}
	list := ":"
	if goos == "windows" {
		list = ";"
	}
	var denied bool
	for _, dir := range strings.Split(env("PATH"), list) {
		if !absolute(dir, goos) {
			continue
		}
		for _, ending := range endings(name, env, goos) {
			path := strings.TrimRight(dir, separators(goos)) + separators(goos)[:1] + name + ending
			info, err := os.Stat(path)
			if err != nil || info.IsDir() {
				continue
			}
			if !runnable(path, info) {
				denied = true
				continue
			}
			return path, nil
		}
	}
	if denied {
		return "", errNotExecutable
	}
	return "", errNotFound
}

func separators(goos string) string {
	if goos == "windows" {
		return `\/`
	}
	return "/"
}

func separated(name, goos string) bool {
	return strings.ContainsAny(name, separators(goos)) || goos == "windows" && strings.Contains(name, ":")
}

func absolute(path, goos string) bool {
	if goos != "windows" {
		return strings.HasPrefix(path, "/")
	}
	return len(path) >= 3 && path[1] == ':' && strings.ContainsAny(path[2:3], `\/`) || strings.HasPrefix(path, `\\`)
}

// endings are what Windows adds to the name of a program.
func endings(name string, env func(string) string, goos string) []string {
	if goos != "windows" || strings.Contains(name, ".") {
		return []string{""}
	}
	list := env("PATHEXT")
	if list == "" {
		list = ".COM;.EXE;.BAT;.CMD"
	}
	return strings.Split(strings.ToLower(list), ";")
}
