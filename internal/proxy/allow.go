package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// Rules are the methods and paths that a listener passes on. Nil allows all.
type Rules struct{ list []rule }

// rule is METHOD and the segments of a path. A segment is compared byte for byte
// with what the client sent, escapes included: * takes any one segment, ** the
// rest behind a slash, which may be empty: /v1/** is what lies below /v1/, and a
// rule for what lies in a folder says nothing of the folder itself.
type rule struct {
	method   string
	segments []string
	rest     bool
}

// Inference is the word that stands for a provider's inference paths in a list of
// rules.
const Inference = "inference"

// ParseRules reads rules of the form "METHOD /path"; the word inference stands for
// the list of that name. It returns every problem at once, and nil rules for an
// empty list.
func ParseRules(texts, inference []string) (*Rules, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	var r Rules
	var problems []error
	for _, text := range texts {
		of := []string{text}
		if strings.TrimSpace(text) == Inference {
			if of = inference; len(of) == 0 {
				problems = append(problems, errors.New("this provider has no inference paths"))
			}
		}
		for _, t := range of {
			one, err := parseRule(t)
			if err != nil {
				problems = append(problems, err)
			}
			r.list = append(r.list, one)
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return &r, nil
}

func parseRule(text string) (rule, error) {
	method, path, ok := strings.Cut(strings.TrimSpace(text), " ")
	path = strings.TrimSpace(path)
	switch {
	case !ok || !strings.HasPrefix(path, "/"):
		return rule{}, fmt.Errorf("rule %q is not of the form METHOD /path, nor the word %s", text, Inference)
	case !served([]byte(method)):
		return rule{}, fmt.Errorf("rule %q: the method is none of %s", text, strings.Join(methods, ", "))
	case strings.ContainsAny(path, " \t?#"):
		return rule{}, fmt.Errorf("rule %q: a path has no blank, query or fragment", text)
	}
	r := rule{method: method, segments: strings.Split(path[1:], "/")}
	last := len(r.segments) - 1
	for i, s := range r.segments {
		switch {
		case s == "**" && i == last:
			r.segments, r.rest = r.segments[:last], true
		case strings.Contains(s, "*") && s != "*":
			return rule{}, fmt.Errorf("rule %q: * is a whole segment, ** the last one", text)
		}
	}
	return r, nil
}

// allow reports whether a request may pass. Target is raw, its query does not count.
func (r *Rules) allow(method, target []byte) bool {
	if r == nil {
		return true
	}
	path, _, _ := bytes.Cut(target, []byte("?"))
	for i := range r.list {
		if r.list[i].match(method, path) {
			return true
		}
	}
	return false
}

func (r *rule) match(method, path []byte) bool {
	if string(method) != r.method {
		return false
	}
	rest, more := path[1:], true // of the path behind its first slash
	for _, want := range r.segments {
		if !more {
			return false
		}
		var segment []byte
		segment, rest, more = bytes.Cut(rest, []byte("/"))
		// An empty segment is no segment: /v1//x must not pass as /v1/*/x.
		if want == "*" && len(segment) == 0 || want != "*" && string(segment) != want {
			return false
		}
	}
	return r.rest == more
}
