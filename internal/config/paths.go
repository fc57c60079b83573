package config

import "strings"

// userDirs finds the user's folders as the platform names them. A relative path
// in a variable is ignored, as the XDG base directory specification demands: it
// would depend on the working directory.
type userDirs struct {
	env  environment
	goos string
	lent bool // RUNNER_TEMP is another user's, and we are root
}

// configFile is the config file's place, empty when the environment names none.
func (u userDirs) configFile() string {
	if u.goos == "windows" {
		return u.join("AppData", `awf-cred\config.yaml`)
	}
	if path := u.join("XDG_CONFIG_HOME", "awf-cred/config.yaml"); path != "" {
		return path
	}
	return u.join("HOME", ".config/awf-cred/config.yaml")
}

// cacheDir is the default cache directory and the rule that chose it; the
// directory is empty when no rule applies.
func (u userDirs) cacheDir() (dir, reason string) {
	actions, _ := u.env.get("GITHUB_ACTIONS")
	if strings.EqualFold(actions, "true") {
		name := "awf-cred"
		if u.lent { // the runner's own steps use that one, and could not use it if it were root's
			name = "awf-cred-root"
		}
		if dir := u.join("RUNNER_TEMP", name); dir != "" {
			return dir, "RUNNER_TEMP of the job"
		}
	}
	if u.goos == "windows" {
		if dir := u.join("LocalAppData", "awf-cred"); dir != "" {
			return dir, "LocalAppData of the user"
		}
		return "", "LocalAppData is not an absolute path"
	}
	if dir := u.join("XDG_CACHE_HOME", "awf-cred"); dir != "" {
		return dir, "XDG_CACHE_HOME of the user"
	}
	under := ".cache/awf-cred"
	if u.goos == "darwin" {
		under = "Library/Caches/awf-cred"
	}
	if dir := u.join("HOME", under); dir != "" {
		return dir, "the user's cache directory"
	}
	return "", "neither XDG_CACHE_HOME nor HOME is an absolute path"
}

// ignored names the variables of folders that are set and not absolute.
func (u userDirs) ignored() []string {
	names := []string{"RUNNER_TEMP", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "HOME"}
	if u.goos == "windows" {
		names = []string{"RUNNER_TEMP", "AppData", "LocalAppData"}
	}
	var relative []string
	for _, name := range names {
		if value, ok := u.env.get(name); ok && !u.absolute(value) {
			relative = append(relative, name)
		}
	}
	return relative
}

// join is a path below the folder that a variable names, empty when the variable
// is absent or its value not an absolute path.
func (u userDirs) join(name, below string) string {
	dir, ok := u.env.get(name)
	if !ok || !u.absolute(dir) {
		return ""
	}
	if u.goos == "windows" {
		return strings.TrimRight(dir, `\/`) + `\` + below
	}
	return strings.TrimRight(dir, "/") + "/" + below
}

func (u userDirs) absolute(path string) bool {
	if u.goos != "windows" {
		return strings.HasPrefix(path, "/")
	}
	drive := len(path) >= 3 && path[1] == ':' && (path[2] == '\\' || path[2] == '/')
	return drive || strings.HasPrefix(path, `\\`)
}
