package output

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

// Dialect is one language in which `env` writes assignments.
type Dialect struct {
	Name string
	Help string // a few words, for completion and help
	// CanUnset is false where the language has no way to remove a variable.
	CanUnset bool
	// objection says why a value cannot be written, empty when it can.
	objection func(value string) string
	write     func(b *bytes.Buffer, vars []Var, random io.Reader) error
}

// Dialects are the languages of `env --shell`.
var Dialects = []Dialect{
	{"posix", "sh, bash, zsh", true, anyText, statements(posixSet, posixUnset)},
	{"fish", "fish", true, anyText, statements(fishSet, fishUnset)},
	{"powershell", "PowerShell, pwsh", true, onlyUTF8, statements(powershellSet, powershellUnset)},
	{"cmd", "cmd.exe", true, cmdObjection, statements(cmdSet, cmdUnset)},
	{"dotenv", "a .env file", false, dotenvObjection, statements(dotenvSet, nil)},
	{"json", "one flat JSON object", true, onlyUTF8, writeObject},
	{"github", "append to the file named by GITHUB_ENV", false, onlyUTF8, writeHeredocs},
}

// LookupDialect finds a dialect by name.
func LookupDialect(name string) (Dialect, bool) {
	for _, d := range Dialects {
		if d.Name == name {
			return d, true
		}
	}
	return Dialect{}, false
}

// DialectNames lists the dialects.
func DialectNames() []string {
	names := make([]string, len(Dialects))
	for i, d := range Dialects {
		names[i] = d.Name
	}
	return names
}

// DefaultDialect is the dialect of the platform's usual shell.
func DefaultDialect(goos string) string {
	if goos == "windows" {
		return "powershell"
	}
	return "posix"
}

// Render writes all of vars or returns an error. isSet tells which variables the
// caller's environment has: a dialect that cannot unset refuses those that have to
// go. random feeds the delimiters of the github dialect.
func (d Dialect) Render(vars []Var, isSet func(string) bool, random io.Reader) ([]byte, error) {
	kept, err := d.settle(vars, isSet)
	if err != nil {
		return nil, err
	}
	for _, v := range kept {
		if why := d.refuses(v); why != "" {
			return nil, refuse("env --shell "+d.Name, v.Name+" "+why, "choose another form: --shell "+strings.Join(DialectNames(), ", "))
		}
	}
	var b bytes.Buffer
	if err := d.write(&b, kept, random); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Check is Render without the values: the refusal that is certain before a
// credential was obtained.
func (d Dialect) Check(vars []Var, isSet func(string) bool) error {
	_, err := d.settle(vars, isSet)
	return err
}

// settle leaves out the removals that the dialect cannot write, and refuses when
// one of them is needed.
func (d Dialect) settle(vars []Var, isSet func(string) bool) ([]Var, error) {
	kept := make([]Var, 0, len(vars))
	var needed []string
	for _, v := range vars {
		switch {
		case !v.Unset || d.CanUnset:
			kept = append(kept, v)
		case !v.Optional && (!v.IfSet || isSet(v.Name)):
			needed = append(needed, v.Name)
		}
	}
	if len(needed) == 0 {
		return kept, nil
	}
	names := strings.Join(needed, ", ")
	return nil, refuse("env --shell "+d.Name, "this form cannot remove "+names,
		"remove "+names+" from the environment of the workflow, job or shell\n"+
			"choose a form that can remove variables: --shell posix, fish, powershell, cmd or json")
}

// refuses says why v cannot be written; the value is never part of it.
func (d Dialect) refuses(v Var) string {
	value := v.Value.Reveal()
	switch {
	case !validName(v.Name):
		return "is not a name that every shell takes"
	case v.Unset:
		return ""
	case strings.ContainsRune(value, 0):
		return "holds a NUL byte"
	default:
		return d.objection(value)
	}
}

// statements is a dialect of one line for each variable.
func statements(set func(name, value string) string, unset func(name string) string) func(*bytes.Buffer, []Var, io.Reader) error {
	return func(b *bytes.Buffer, vars []Var, _ io.Reader) error {
		for _, v := range vars {
			if v.Unset {
				b.WriteString(unset(v.Name))
			} else {
				b.WriteString(set(v.Name, v.Value.Reveal()))
			}
			b.WriteByte('\n')
		}
		return nil
	}
}

// Secrets are the values of vars that have to be masked.
func Secrets(vars []Var) []secret.Value {
	var out []secret.Value
	for _, v := range vars {
		if v.Secret {
			out = append(out, v.Value)
		}
	}
	return out
}

// validName reports whether every shell takes name as a variable.
func validName(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// anyText is the objection of dialects that carry bytes as they are: none.
func anyText(string) string { return "" }

// onlyUTF8 is the objection of dialects whose readers decode text.
func onlyUTF8(value string) string {
	if utf8.ValidString(value) {
		return ""
	}
	return "is not valid UTF-8"
}
