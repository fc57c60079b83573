package output

import "github.com/awf-cred/awf-cred/pkg/secret"

// Var is one environment variable to set or to remove. A plain value and a
// secret one differ only in whether it is masked.
type Var struct {
	Name   string
	Value  secret.Value
	Secret bool // the value is masked in Actions
	Unset  bool // the variable is removed; Value is empty
	// IfSet marks a removal that matters only where the variable is set: a
	// dialect that cannot unset refuses only then.
	IfSet bool
	// Optional marks a removal that is tidy rather than needed: a dialect that
	// cannot unset leaves it out without a word.
	Optional bool
}

// Set is a variable with a value that may be shown.
func Set(name, value string) Var { return Var{Name: name, Value: secret.New(value)} }

// SetSecret is a variable with a value that is masked in Actions.
func SetSecret(name string, value secret.Value) Var {
	return Var{Name: name, Value: value, Secret: true}
}

// Conflict is the removal of a variable that a consumer would prefer to ours.
func Conflict(name string) Var { return Var{Name: name, Unset: true, IfSet: true} }

// Tidy is the removal of a variable that would only confuse a consumer.
func Tidy(name string) Var { return Var{Name: name, Unset: true, IfSet: true, Optional: true} }

// Removals turns variables into their removals, each name once, in order.
func Removals(vars []Var) []Var {
	seen := make(map[string]bool, len(vars))
	out := make([]Var, 0, len(vars))
	for _, v := range vars {
		if !seen[v.Name] {
			seen[v.Name] = true
			out = append(out, Var{Name: v.Name, Unset: true})
		}
	}
	return out
}
