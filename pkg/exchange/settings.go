package exchange

import (
	"errors"
	"fmt"
	"strings"
)

// problems collects what is wrong with the parameters of an exchanger, so that all
// of it is said at once.
type problems []error

// required checks a parameter that must be there.
func (p *problems) required(name, value string, check func(string) error) {
	if value == "" {
		*p = append(*p, errors.New(name+" is missing"))
		return
	}
	p.optional(name, value, check)
}

// optional checks a parameter that may be empty.
func (p *problems) optional(name, value string, check func(string) error) {
	if value == "" {
		return
	}
	if err := check(value); err != nil {
		*p = append(*p, fmt.Errorf("%s %w", name, err))
	}
}

// add keeps a problem, nil for none.
func (p *problems) add(err error) {
	if err != nil {
		*p = append(*p, err)
	}
}

// err is one Usage error for all problems, nil without any.
func (p *problems) err(provider string) error {
	if len(*p) == 0 {
		return nil
	}
	return &Error{Provider: provider, Step: "settings", Cause: Usage, Err: p}
}

// Error renders the problems on one line.
func (p *problems) Error() string {
	texts := make([]string, len(*p))
	for i, e := range *p {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns the problems one by one.
func (p *problems) Unwrap() []error { return *p }
