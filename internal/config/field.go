package config

import "fmt"

// OriginKind says which level a setting came from.
type OriginKind int

// The levels, strongest first.
const (
	FromFlag OriginKind = iota + 1
	FromEnv
	FromFile
	FromDefault
)

// Origin is where a value came from.
type Origin struct {
	Kind OriginKind
	Name string // the flag without dashes, or the variable
	File string // for FromFile
	Line int    // for FromFile, from 1
}

// String renders an origin as `config show` prints it.
func (o Origin) String() string {
	switch o.Kind {
	case FromFlag:
		return "flag --" + o.Name
	case FromEnv:
		return "env " + printable(o.Name)
	case FromFile:
		return fmt.Sprintf("file %s:%d", printable(o.File), o.Line)
	default:
		return "default"
	}
}

// Field is one parameter: of a provider, of a profile or of the program.
type Field struct {
	Name     string   // the file's key and `config show`'s name, snake case
	Flag     string   // without dashes, empty for none
	Env      []string // variables that give it, the first that is not blank wins
	Default  string
	Required bool
	Secret   bool               // never printed
	List     bool               // the value is a comma-separated list; the file takes a sequence
	Bool     bool               // true or false; a flag without a value means true
	Path     bool               // a path: taken byte for byte, blanks included
	Lines    bool               // line breaks are allowed (a JSON policy)
	Values   []string           // the only values allowed, for messages and completion
	Check    func(string) error // says what is wrong with a value, nil for anything goes
	Form     string             // the form expected, for messages: fdrl_…, a UUID
	Help     string             // one line
}

// Setting is a resolved value that remembers where it came from.
type Setting struct {
	Name   string
	Value  string
	Origin Origin
	Secret bool
}

// Values are the settings of one profile by field name.
type Values map[string]Setting

// Get returns the value of a field, empty when it is not set.
func (v Values) Get(name string) string { return v[name].Value }
