package config

import (
	"fmt"
	"strings"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// Problem is one thing that is wrong with the configuration. It holds no secret.
type Problem struct {
	Setting string   // the file's key, empty when the problem has none
	Text    string   // what is wrong and where it came from, one line
	Mend    []string // next steps, most likely first: the variable, flag or key to set and the form expected
}

// Problems is every problem found in one run. errors.Is(p, exchange.Usage) holds.
type Problems struct {
	List []Problem
}

// Error has one line for each problem, without the next steps.
func (p *Problems) Error() string {
	lines := make([]string, 0, len(p.List)+1)
	if len(p.List) > 1 {
		lines = append(lines, fmt.Sprintf("%d problems in the configuration", len(p.List)))
	}
	for _, one := range p.List {
		lines = append(lines, one.Text)
	}
	return strings.Join(lines, "\n")
}

// Hint has the next steps of all problems, one a line, each once.
func (p *Problems) Hint() string {
	var lines []string
	seen := map[string]bool{}
	for _, one := range p.List {
		for _, mend := range one.Mend {
			if !seen[mend] {
				seen[mend] = true
				lines = append(lines, mend)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes a configuration problem a usage error.
func (p *Problems) Unwrap() error { return exchange.Usage }

// mostProblems bounds what a damaged file can have us say.
const mostProblems = 100

// add appends a problem that is not there yet.
func (p *Problems) add(one Problem) {
	switch {
	case len(p.List) > mostProblems:
		return
	case len(p.List) == mostProblems:
		one = Problem{Text: "there are more problems; mend these first", Mend: []string{"run awf-cred config validate again then"}}
	}
	for _, old := range p.List {
		if old.Text == one.Text {
			return
		}
	}
	p.List = append(p.List, one)
}

// join appends the problems of q.
func (p *Problems) join(q *Problems) {
	for _, one := range q.List {
		p.add(one)
	}
}

// err is p as an error, nil when it is empty.
func (p *Problems) err() error {
	if len(p.List) == 0 {
		return nil
	}
	return p
}
