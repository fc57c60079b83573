package identity

import (
	"context"
	"errors"
	"strings"

	"github.com/awf-cred/awf-cred/internal/jwt"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// variable holds the token itself. It cannot be renewed while the process runs.
type variable struct {
	name  string
	env   func(string) string
	check checker
}

const renewVariable = "a variable cannot be renewed within a job: use a file that is kept fresh (identity file:PATH), or a command"

// Assertion returns the token in the variable.
func (v *variable) Assertion(context.Context, string) (exchange.Assertion, error) {
	a, err := v.check.assertion(v.env(v.name))
	if err != nil {
		return exchange.Assertion{}, v.failed(err)
	}
	a.Only = true
	return a, nil
}

// Fingerprint names the workload that the token is for.
func (v *variable) Fingerprint(context.Context) (string, error) {
	_, claims, err := parse(v.env(v.name))
	if err != nil {
		return "", v.failed(err)
	}
	return digest(append([]string{"env"}, subject(claims)...)...), nil
}

func (v *variable) failed(err error) error {
	hint := advice(err, renewVariable)
	if blank := strings.TrimSpace(v.env(v.name)) == ""; blank {
		hint = "set " + v.name + " to an identity token (a JWT), or choose another source with --identity"
	}
	return failure("env", "the variable "+v.name+" "+clause(err), hint, nil)
}

// clause words a fault so that it follows the name of a source.
func clause(err error) string {
	var fault *jwt.Error
	if errors.As(err, &fault) {
		return "holds no usable token: " + err.Error()
	}
	return err.Error()
}
