package config

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// commandTimeout bounds a command source unless its profile says otherwise.
const commandTimeout = 10 * time.Second

// parseIdentity reads the short form of an identity source.
func parseIdentity(value string) (Identity, error) {
	kind, rest, has := strings.Cut(value, ":")
	switch {
	case kind == "github" && !has:
		return Identity{Type: GitHub}, nil
	case kind == "github":
		return Identity{}, errors.New("has something after github")
	case kind == "file" && rest != "":
		return Identity{Type: File, Path: rest}, nil
	case kind == "file":
		return Identity{}, errors.New("has no path after its colon")
	case kind == "env":
		if err := checkVariable(rest); err != nil {
			return Identity{}, errors.New("has no name of a variable after its colon")
		}
		return Identity{Type: Env, EnvName: rest}, nil
	case kind == "command":
		return Identity{}, errors.New("is a command, which only a profile of the config file can name")
	}
	if near := Nearest(kind, []string{"github", "file", "env"}); near != "" {
		return Identity{}, errors.New("is not known; did you mean " + near + "?")
	}
	return Identity{}, errors.New("is not known")
}

// chooseIdentity is the order of sources: flag, profile, variable, the type of
// authentication, and with nothing said the first that the environment offers.
func (c *Config) chooseIdentity(s *section, v Vendor, ignore func(string) bool, problems *Problems) Identity {
	f := c.field("identity")
	value, origin, said := c.find(f, level{})
	if s != nil && s.identity != nil && origin.Kind != FromFlag {
		return c.identityOf(s, problems)
	}
	if said {
		value = f.clean(value)
		if text := f.wrong(value); text != "" {
			problems.add(Problem{Setting: f.Name, Text: "identity = " + quoted(value) + " (" + origin.String() + "): " + text,
				Mend: []string{f.mend("profiles." + nameOf(s) + ".")}})
			return Identity{}
		}
		id, _ := parseIdentity(value) // checked above
		id.Origin = origin
		return id
	}
	if _, ok := c.env.get("AWF_AUTH_TYPE"); ok || len(c.in.Flags["type"]) > 0 {
		_, origin, _ := c.find(c.field("auth_type"), level{})
		return Identity{Type: GitHub, Origin: origin}
	}
	return c.offeredIdentity(v, ignore)
}

// offeredIdentity is the GitHub pair if it is there, else the vendor's own
// variables, else GitHub all the same: its absence is explained when it mints.
func (c *Config) offeredIdentity(v Vendor, ignore func(string) bool) Identity {
	_, url := c.env.get("ACTIONS_ID_TOKEN_REQUEST_URL")
	_, token := c.env.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
	if url && token {
		return Identity{Type: GitHub, Origin: Origin{Kind: FromEnv, Name: "ACTIONS_ID_TOKEN_REQUEST_URL"}}
	}
	for _, name := range v.IdentityEnv {
		if ignore != nil && ignore(name) {
			continue
		}
		value, ok := c.env.get(name)
		if !ok {
			continue
		}
		origin := Origin{Kind: FromEnv, Name: name}
		if strings.HasSuffix(name, "_FILE") {
			return Identity{Type: File, Path: value, Origin: origin}
		}
		return Identity{Type: Env, EnvName: name, Origin: origin}
	}
	return Identity{Type: GitHub, Origin: Origin{Kind: FromDefault}}
}

// identityOf reads what a profile of the file says.
func (c *Config) identityOf(s *section, problems *Problems) Identity {
	e := s.identity
	at := entry{line: e.line}.origin(c.doc.path)
	wrong := func(text, mend string) {
		p := Problem{Setting: "identity", Text: "identity of profile " + s.name + " (" + at.String() + "): " + text}
		if mend != "" {
			p.Mend = []string{mend}
		}
		problems.add(p)
	}
	if short, ok := e.values["short"]; ok {
		id, err := parseIdentity(short.value)
		if err == nil {
			err = checkText(Field{Path: true}, short.value)
		}
		if err != nil {
			wrong(quoted(short.value)+" "+err.Error(), identityForms)
			return Identity{}
		}
		id.Origin = at
		return id
	}
	id := Identity{Type: IdentityType(e.values["type"].value), Origin: at}
	belongs := map[IdentityType][]string{GitHub: {}, File: {"path"}, Env: {"name"}, Command: {"argv", "timeout", "key_env"}}
	keys, known := belongs[id.Type]
	if !known {
		text := "type is missing"
		if id.Type != "" {
			text = "type " + quoted(string(id.Type)) + " is not known"
			if near := Nearest(string(id.Type), []string{"github", "file", "env", "command"}); near != "" {
				text += "; did you mean " + near + "?"
			}
		}
		wrong(text, identityForms)
		return Identity{}
	}
	for _, key := range identityKeys() {
		_, one := e.values[key]
		if _, list := e.lists[key]; (one || list) && key != "type" && !slices.Contains(keys, key) {
			wrong(key+" contradicts type "+string(id.Type), "remove "+key+", or write the type that it belongs to")
		}
	}
	c.fillIdentity(&id, e, wrong)
	return id
}

const identityForms = "write identity: {type: github}, {type: file, path: /path}, {type: env, name: NAME} or {type: command, argv: [/path, argument]}"

// fillIdentity takes over the parameters of the type.
func (c *Config) fillIdentity(id *Identity, e *identityEntry, wrong func(text, mend string)) {
	switch id.Type {
	case File:
		if id.Path = e.values["path"].value; id.Path == "" {
			wrong("path is missing", "write identity: {type: file, path: /path/of/the/token}")
		}
	case Env:
		if id.EnvName = e.values["name"].value; id.EnvName == "" || checkVariable(id.EnvName) != nil {
			wrong("name must be the name of a variable", "write identity: {type: env, name: NAME}")
		}
	case Command:
		id.Argv, id.Timeout, id.KeyEnv = e.lists["argv"], commandTimeout, DefaultKeyEnv()
		switch {
		case len(id.Argv) == 0 || blank(id.Argv[0]):
			wrong("argv is missing", "write identity: {type: command, argv: [/path/of/the/program, argument]}")
		case c.relative(id.Argv[0]):
			wrong("argv names a program relative to the working directory", "write its absolute path, or its bare name to find it in PATH")
		}
		if keys, ok := e.lists["key_env"]; ok {
			id.KeyEnv = keys
			for _, name := range keys {
				if checkVariable(name) != nil {
					wrong("key_env holds "+quoted(name)+", which is not the name of a variable", "write key_env: [NAME, NAME]")
				}
			}
		}
		if t, ok := e.values["timeout"]; ok {
			if err := checkDuration(time.Millisecond, maxCommandTimeout)(t.value); err != nil {
				wrong("timeout "+quoted(t.value)+" "+err.Error(), "write a duration such as 10s, at most "+maxCommandTimeout.String())
				return
			}
			id.Timeout, _ = time.ParseDuration(t.value) // checked above
		}
	}
}

// maxCommandTimeout is the longest time that a profile may give its command.
const maxCommandTimeout = 5 * time.Minute

// relative reports whether a program's name depends on the working directory.
func (c *Config) relative(program string) bool {
	separators := "/"
	if c.in.GOOS == "windows" {
		separators = `/\:`
	}
	return strings.ContainsAny(program, separators) && !(userDirs{goos: c.in.GOOS}).absolute(program)
}
