package config_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/provider"
)

var update = flag.Bool("update", false, "write docs/config.schema.json")

const schemaFile = "../../docs/config.schema.json"

type object = map[string]any

// realVendors are the vendors of the product.
func realVendors() []config.Vendor {
	var all []config.Vendor
	for _, p := range provider.All {
		all = append(all, config.Vendor{Name: p.Name, Fields: p.Fields, StaticKeys: p.StaticKeys, IdentityEnv: p.IdentityEnv, FederationEnv: p.FederationEnv, Check: p.Check})
	}
	return all
}

// fileOnly are the program's settings that the file takes at its top.
func topFields() []config.Field {
	return slices.DeleteFunc(config.GlobalFields(), func(f config.Field) bool {
		return slices.Contains([]string{"config", "profile", "provider", "auth_type", "identity"}, f.Name)
	})
}

func commonFields() []config.Field {
	return append(config.ProfileFields(), slices.DeleteFunc(topFields(), func(f config.Field) bool { return f.Name != "cache" && f.Name != "min_ttl" })...)
}

// property is the schema of one field.
func property(f config.Field) object {
	p := object{"type": []any{"string", "number", "null"}}
	switch {
	case f.Bool:
		p = object{"type": []any{"boolean", "null"}}
	case f.List:
		p = object{"anyOf": []any{object{"type": []any{"string", "null"}}, object{"type": "array", "items": object{"type": "string"}}}}
	case len(f.Values) > 0:
		p = object{"enum": append(toAny(f.Values), nil)}
	}
	p["description"] = strings.TrimSpace(f.Help)
	if f.Form != "" && !strings.Contains(f.Help, f.Form) {
		p["description"] = fmt.Sprintf("%s (%s)", strings.TrimSpace(f.Help), f.Form)
	}
	if f.Default != "" {
		p["default"] = f.Default
		if f.Bool {
			p["default"] = f.Default == "true"
		}
	}
	return p
}

func toAny(list []string) []any {
	all := make([]any, 0, len(list)+1)
	for _, s := range list {
		all = append(all, s)
	}
	return all
}

func ref(name string) object { return object{"$ref": "#/definitions/" + name} }

func closed(properties object, required ...string) object {
	o := object{"type": []any{"object", "null"}, "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		o["type"], o["required"] = "object", toAny(required)
	}
	return o
}

func text(description string) object { return object{"type": "string", "description": description} }

func constant(value string) object { return object{"const": value} }

// schema is what docs/config.schema.json has to be (JSON Schema, draft 7: the one
// that editors know best).
func schema(vendors []config.Vendor) object {
	definitions := object{
		"identity": object{"description": "Where the identity token comes from.", "anyOf": []any{
			object{"type": "null"},
			object{"type": "string", "pattern": "^(github|file:.+|env:.+)$"},
			closed(object{"type": constant("github")}, "type"),
			closed(object{"type": constant("file"), "path": text("Path of a file that holds the token alone; it is read again each time.")}, "type", "path"),
			closed(object{"type": constant("env"), "name": text("Name of the variable that holds the token.")}, "type", "name"),
			closed(object{
				"type": constant("command"), "timeout": text("Time that the program has, at most 5m (default 10s)."),
				"argv":    object{"type": "array", "items": object{"type": "string"}, "minItems": 1, "description": "Program (absolute path, or a name to find in PATH) and arguments; no shell."},
				"key_env": object{"type": "array", "items": object{"type": "string"}, "description": "Variables whose values tell one job's credential from another's."},
			}, "type", "argv"),
		}},
		"serve": closed(object{
			"admin_listen": text("HOST:PORT of health and metrics."),
			"listeners": object{"type": []any{"array", "null"}, "items": closed(object{
				"profile": text("Profile that the listener serves."), "listen": text("HOST:PORT or unix:PATH."),
				"upstream": text("Whole URL (default: the profile's)."), "base_path": text("Path put before every request's path."),
				"allow": object{"type": "array", "items": object{"type": "string"}, "description": "METHOD PATTERN, with * for one segment and ** for the rest, or the word inference."},
			}, "profile", "listen")},
			"sinks": object{"type": []any{"array", "null"}, "items": closed(object{
				"profile": text("Profile whose credential the file holds."), "kind": object{"enum": toAny(config.SinkKinds())}, "path": text("The file, kept fresh."),
			}, "profile", "kind", "path")},
		}),
	}
	var profiles []any
	for _, v := range append(slices.Clone(vendors), config.Vendor{}) {
		properties := object{"identity": ref("identity")}
		for _, f := range append(commonFields(), v.Fields...) {
			properties[f.Name] = property(f)
		}
		name, required := "profile_"+v.Name, []string(nil)
		if v.Name != "" {
			properties["provider"], required = constant(v.Name), []string{"provider"}
		} else {
			name = "profile_without_provider"
			for _, v := range vendors {
				for _, f := range v.Fields {
					properties[f.Name] = property(f)
				}
			}
		}
		definitions[name] = closed(properties, required...)
		profiles = append(profiles, ref(name))
	}
	top := object{
		"version":         object{"enum": []any{1, nil}, "description": "Version of the file's form."},
		"default_profile": object{"type": []any{"string", "null"}, "description": "Profile that is used when none is named."},
		"serve":           ref("serve"),
		"profiles": object{"type": []any{"object", "null"}, "description": "One profile is one service account.",
			"propertyNames": object{"pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"}, "additionalProperties": object{"anyOf": profiles}},
	}
	for _, f := range topFields() {
		top[f.Name] = property(f)
	}
	s := closed(top)
	s["$schema"], s["title"], s["definitions"] = "http://json-schema.org/draft-07/schema#", "awf-cred configuration", definitions
	return s
}

func TestTheSchemaHasEveryField(t *testing.T) {
	t.Parallel()
	var want strings.Builder
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	require.NoError(t, enc.Encode(schema(realVendors())))
	if *update {
		require.NoError(t, os.WriteFile(schemaFile, []byte(want.String()), 0o644))
	}
	got, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	old := strings.Split(string(got), "\n")
	for i, line := range strings.Split(want.String(), "\n") {
		if i >= len(old) || line != old[i] {
			t.Fatalf("line %d should be %q: go test ./internal/config -run TestTheSchema -update writes the file", i+1, line)
		}
	}
	require.Len(t, got, want.Len())
}

func loadSchema(t *testing.T) object {
	t.Helper()
	data, err := os.ReadFile(schemaFile)
	require.NoError(t, err)
	var s object
	require.NoError(t, json.Unmarshal(data, &s))
	return s
}

// exampleFile is docs/config.example.yaml.
func exampleFile(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("../../docs/config.example.yaml")
	require.NoError(t, err)
	return string(data)
}

// instance is a config file as a JSON schema sees it.
func instance(t *testing.T, file string) any {
	t.Helper()
	var v any
	require.NoError(t, yaml.Unmarshal([]byte(file), &v))
	data, err := json.Marshal(v)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &v))
	return v
}

// The example is valid by the schema and by the reader, with what it has in comments
// too.
func TestTheExampleIsValid(t *testing.T) {
	t.Parallel()
	s, example := loadSchema(t), exampleFile(t)
	uncommented := func() string { // the example with its optional keys switched on
		var b strings.Builder
		for _, line := range strings.Split(example, "\n") {
			trimmed := strings.TrimLeft(line, " ")
			if rest, ok := strings.CutPrefix(trimmed, "# "); ok {
				key, _, found := strings.Cut(strings.TrimLeft(rest, " -"), ":")
				if found && !strings.ContainsAny(key, " `{") && !strings.HasPrefix(rest, "  {") && key != "AWS" && key != "Anthropic" && key != "Azure" && key != "OpenAI" {
					line = strings.Repeat(" ", len(line)-len(trimmed)) + rest
				} else if strings.HasPrefix(rest, "    - {profile") {
					line = rest
				}
			}
			b.WriteString(line + "\n")
		}
		return b.String()
	}()
	require.Contains(t, uncommented, "\nserve:\n  listeners:\n    - {profile")
	require.Contains(t, uncommented, "\n    workspace_id: wrkspc_example")
	require.Contains(t, uncommented, "\ntimeout: 60s")
	for name, file := range map[string]string{"the example": example, "the example with all its keys": uncommented} {
		assert.Empty(t, violations(s, s, instance(t, file), "$"), name)
		in := withFile(t, file)
		in.Vendors = realVendors()
		c, err := config.Load(in)
		require.NoError(t, err, name)
		require.Equal(t, []string{"anthropic", "aws", "gcp", "azure", "openai"}, c.ProfileNames())
		require.NoError(t, c.Validate(), name)
		p, err := c.Select("")
		require.NoError(t, err)
		assert.Equal(t, "anthropic", p.Provider)
	}
	var names []string
	for _, v := range realVendors() {
		names = append(names, v.Name)
	}
	c, err := config.Load(withFile(t, example))
	_ = err // the vendors of the tests are others
	assert.ElementsMatch(t, names, c.ProfileNames(), "one profile for each provider")
}

// What the reader refuses as unknown, the schema refuses too.
func TestTheSchemaRefusesWhatTheReaderRefuses(t *testing.T) {
	t.Parallel()
	s := loadSchema(t)
	for _, file := range []string{
		"versoin: 1\n", "version: 2\n", "profiles: {p: {provider: nobody}}\n", "profiles: {p: {provider: anthropic, role_arn: x}}\n",
		"profiles: {p: {provider: anthropic, identity: {type: file}}}\n", "profiles: {p: {provider: anthropic, identity: {type: github, path: /x}}}\n",
		"profiles: {p: {provider: anthropic, identity: command}}\n", "profiles: {p: {provider: anthropic, cache: disk}}\n", "profiles: {'a b': {}}\n",
		"serve: {listeners: [{listen: '127.0.0.1:1'}]}\n", "serve: {sinks: [{profile: p, kind: tokn, path: /x}]}\n", "profiles: []\n", "log_level: loud\n",
	} {
		assert.NotEmpty(t, violations(s, s, instance(t, file), "$"), file)
		in := withFile(t, file)
		in.Vendors = realVendors()
		c, err := config.Load(in)
		if err == nil {
			err = c.Validate()
		}
		assert.Error(t, err, file)
	}
}

// Each key of the schema is one that the reader knows.
func TestTheReaderKnowsEveryKeyOfTheSchema(t *testing.T) {
	t.Parallel()
	s := loadSchema(t)
	keys := 0
	check := func(file string) {
		keys++
		in := withFile(t, file)
		in.Vendors = realVendors()
		if _, err := config.Load(in); err != nil {
			assert.NotContains(t, err.Error(), "unknown key", file)
		}
	}
	for key := range s["properties"].(object) {
		check(key + ":\n")
	}
	for name, d := range s["definitions"].(object) {
		vendor, ok := strings.CutPrefix(name, "profile_")
		if !ok {
			continue
		}
		for key := range d.(object)["properties"].(object) {
			line := "    " + key + ":\n"
			if vendor != "without_provider" && key != "provider" {
				line += "    provider: " + vendor + "\n"
			}
			check("profiles:\n  p:\n" + line)
		}
	}
	assert.Greater(t, keys, 20)
}

// The config files on the pages of docs/ are valid by the schema and the reader.
func TestTheConfigFilesOfTheDocumentationAreValid(t *testing.T) {
	t.Parallel()
	s := loadSchema(t)
	pages, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	found := 0
	for _, page := range pages {
		data, err := os.ReadFile(page)
		require.NoError(t, err)
		blocks := strings.Split(string(data), "\n```")
		for _, block := range blocks {
			file, ok := strings.CutPrefix(block, "yaml\n")
			if !ok || !strings.HasPrefix(file, "version: ") || !strings.Contains(file, "\nprofiles:") {
				continue
			}
			found++
			assert.Empty(t, violations(s, s, instance(t, file), "$"), page)
			in := withFile(t, file)
			in.Vendors = realVendors()
			c, err := config.Load(in)
			require.NoError(t, err, page)
			require.NoError(t, c.Validate(), page)
		}
	}
	assert.NotZero(t, found)
}
