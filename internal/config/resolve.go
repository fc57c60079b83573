package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/viper"
)

// level is one profile's share of the sources: which file entries and which
// variables count, and how its keys are called in messages.
type level struct {
	entries map[string]entry
	prefix  string            // profiles.NAME. for a profile of the file
	ignore  func(string) bool // variables that do not count; nil: all count
}

// resolve lays flags over environment over file over defaults, for each field.
// A Viper holds what the four levels give, merged; where each value came from
// and what is wrong with it is kept beside. Its keys have no case: field names
// are all in lower case, and names that users choose never become its keys.
func (c *Config) resolve(fields []Field, from level, problems *Problems) Values {
	merged := viper.New()
	origins := map[string]Origin{}
	for _, f := range fields {
		value, origin, ok := c.find(f, from)
		if !ok {
			merged.SetDefault(f.Name, f.Default)
			origins[f.Name] = Origin{Kind: FromDefault}
			continue
		}
		origins[f.Name] = origin
		value = f.clean(value)
		if text := f.wrong(value); text != "" {
			problems.add(Problem{
				Setting: f.Name,
				Text:    f.Name + " = " + f.echo(value) + " (" + origin.String() + "): " + text,
				Mend:    []string{f.mend(from.prefix)},
			})
		}
		merged.Set(f.Name, value)
	}
	values := make(Values, len(fields))
	for _, f := range fields {
		values[f.Name] = Setting{Name: f.Name, Value: merged.GetString(f.Name), Origin: origins[f.Name], Secret: f.Secret}
	}
	return values
}

// find is the strongest level that has a field.
func (c *Config) find(f Field, from level) (string, Origin, bool) {
	if value, ok := c.flag(f); ok {
		return value, Origin{Kind: FromFlag, Name: f.Flag}, true
	}
	for _, name := range f.Env {
		if from.ignore != nil && from.ignore(name) {
			continue
		}
		if value, ok := c.env.get(name); ok {
			return value, Origin{Kind: FromEnv, Name: name}, true
		}
	}
	if e, ok := from.entries[f.Name]; ok {
		return e.value, e.origin(c.doc.path), true
	}
	return "", Origin{}, false
}

// flag is the value of a flag that the user set; a blank one counts as absent.
func (c *Config) flag(f Field) (string, bool) {
	given := c.in.Flags[f.Flag]
	if f.Flag == "" || len(given) == 0 {
		return "", false
	}
	value := given[len(given)-1]
	if f.List {
		value = strings.Join(given, ",")
	}
	return value, !blank(value)
}

// clean takes the blanks off that an editor or a workflow file left around a
// value. Paths are taken as they are, line breaks are mistakes.
func (f Field) clean(value string) string {
	if f.Path {
		return value
	}
	return strings.Trim(value, " \t")
}

// wrong says what is wrong with a value and which form is expected.
func (f Field) wrong(value string) string {
	err := checkText(f, value)
	switch {
	case err != nil:
	case len(f.Values) > 0 && !slices.Contains(f.Values, value):
		text := "is not known; expected " + f.Form
		if near := Nearest(value, f.Values); near != "" {
			text += "; did you mean " + near + "?"
		}
		return text
	case f.Bool && value != "true" && value != "false":
		return "is neither true nor false"
	case f.Check != nil:
		err = f.Check(value)
	}
	if err == nil {
		return ""
	}
	if f.Form == "" {
		return err.Error()
	}
	return err.Error() + "; expected " + f.Form
}

func (f Field) echo(value string) string {
	if f.Secret {
		return "(redacted)"
	}
	return quoted(value)
}

// mend names all ways to give the field, and the form.
func (f Field) mend(prefix string) string {
	ways := slices.Clone(f.Env)
	if f.Flag != "" {
		ways = append(ways, "--"+f.Flag)
	}
	ways = append(ways, prefix+f.Name+" in the config file")
	text := "set " + strings.Join(ways, ", or ")
	if f.Form != "" {
		text += " to " + f.Form
	}
	return text
}

func (v Values) bool(name string) bool {
	b, _ := strconv.ParseBool(v.Get(name))
	return b
}
