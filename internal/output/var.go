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
}
