package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// top reads the root of the file.
func (r *reader) top(root *yaml.Node) {
	if root.Kind == yaml.DocumentNode {
		if len(root.Content) == 0 {
			return
		}
		root = root.Content[0]
	}
	globals := fieldNames(fileGlobals())
	allowed := append([]string{"version", "default_profile", "profiles", "serve"}, globals...)
	r.doc.globals = map[string]entry{}
	r.mapping(root, "the file", allowed, func(key string, keyNode, value *yaml.Node) {
		switch key {
		case "version":
			if v, ok := r.scalar(value, key); ok && v.value != "1" {
				r.wrong(value, "write version: 1", "version %s is not known to this release", quoted(v.value))
			}
		case "default_profile":
			r.doc.defaults, _ = r.scalar(value, key)
		case "profiles":
			r.mapping(value, "profiles", nil, r.profile)
		case "serve":
			r.serve(value)
		default:
			if v, ok := r.scalar(value, key); ok {
				r.doc.globals[key] = v
			}
		}
	})
	r.references()
}

// profile reads one profile. Keys are checked against its provider's fields; a
// profile that leaves its provider open may have any provider's.
func (r *reader) profile(name string, keyNode, n *yaml.Node) {
	what := "profile " + quoted(name)
	if err := checkProfileName(name); err != nil || name == "" {
		r.wrong(keyNode, "", "%s: a profile is named by letters, digits, and within the name . _ -, at most 64", what)
		return
	}
	if name == EnvironmentProfile {
		r.wrong(keyNode, "choose another name", "profile %s: the name stands for the profile built from the environment", quoted(name))
		return
	}
	s := &section{name: name, line: keyNode.Line, entries: map[string]entry{}}
	r.doc.profiles = append(r.doc.profiles, s)
	keys := r.keysOf(r.provider(n))
	r.mapping(n, what, keys.names, func(key string, _, value *yaml.Node) {
		if key == "identity" {
			s.identity = r.identity(value, what)
			return
		}
		if slices.Contains(keys.lists, key) {
			r.joined(s, key, value)
			return
		}
		if v, ok := r.scalar(value, key); ok {
			s.entries[key] = v
		}
	})
}

// joined keeps a list as its values with commas between them.
func (r *reader) joined(s *section, key string, n *yaml.Node) {
	values := r.list(n, key)
	for _, v := range values {
		if len(values) > 1 && strings.Contains(v, ",") {
			r.wrong(n, "write it as an item of its own", "%s: a value of the list holds a comma", key)
			return
		}
	}
	if text := strings.Join(values, ","); !blank(text) {
		s.entries[key] = entry{value: text, line: n.Line}
	}
}

// provider is what a profile says of its provider, empty when it says nothing
// that can be used; the mistake in it is found when its keys are read.
func (r *reader) provider(n *yaml.Node) string {
	n = resolved(n)
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if resolved(n.Content[i]).Value == "provider" {
			return normalProvider(resolved(n.Content[i+1]).Value)
		}
	}
	return ""
}

// keysOf are the keys that a profile of the named provider may have, those of
// every provider when it names none, and any at all when it names an unknown one.
func (r *reader) keysOf(provider string) profileKeys {
	if keys, ok := r.keys[provider]; ok {
		return keys
	}
	fields := append(ProfileFields(), profileGlobals()...)
	known := slices.ContainsFunc(r.vendors, func(v Vendor) bool { return v.Name == provider })
	for _, v := range r.vendors {
		if v.Name == provider || !known {
			fields = append(fields, v.Fields...)
		}
	}
	keys := profileKeys{names: append([]string{"provider", "identity"}, fieldNames(fields)...)}
	for _, f := range fields {
		if f.List {
			keys.lists = append(keys.lists, f.Name)
		}
	}
	if !known && provider != "" { // that the provider is unknown is all there is to say
		return profileKeys{lists: keys.lists}
	}
	r.keys[provider] = keys
	return keys
}

// identity reads a profile's identity: a mapping, or the short form of --identity.
func (r *reader) identity(n *yaml.Node, what string) *identityEntry {
	id := &identityEntry{line: n.Line, values: map[string]entry{}, lists: map[string][]string{}}
	if v := resolved(n); v.Kind == yaml.ScalarNode {
		short, ok := r.scalar(n, "identity")
		if !ok {
			return nil
		}
		id.values["short"] = short
		return id
	}
	r.mapping(n, "identity of "+what, identityKeys(), func(key string, _, value *yaml.Node) {
		switch key {
		case "argv", "key_env":
			id.lists[key] = r.list(value, "identity."+key)
		default:
			if v, ok := r.scalar(value, "identity."+key); ok {
				id.values[key] = v
			}
		}
	})
	return id
}

func identityKeys() []string { return []string{"type", "path", "name", "argv", "timeout", "key_env"} }

// references checks that the profiles that the file names exist.
func (r *reader) references() {
	names := r.doc.names()
	missing := func(name string, line int, what string) {
		if name == "" || r.full() || slices.Contains(names, name) {
			return
		}
		text := what + " names the profile " + quoted(name) + ", which the file does not have"
		var mend []string
		if near := Nearest(name, names); near != "" {
			text += "; did you mean " + near + "?"
			mend = []string{"write " + near}
		} else if len(names) > 0 {
			mend = []string{"write one of: " + strings.Join(names, ", ")}
		}
		r.problems.add(Problem{Text: entry{line: line}.origin(r.doc.path).place() + ": " + text, Mend: mend})
	}
	missing(r.doc.defaults.value, r.doc.defaults.line, "default_profile")
	for _, l := range r.doc.serve.Listeners {
		missing(l.Profile, l.Origin.Line, "a listener")
	}
	for _, s := range r.doc.serve.Sinks {
		missing(s.Profile, s.Origin.Line, "a sink")
	}
}

func fieldNames(fields []Field) []string {
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		if !slices.Contains(names, f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}
