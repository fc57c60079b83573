package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// document is the config file, its structure checked and its values still text.
type document struct {
	path     string
	found    bool // it was read, whether or not it could be used
	broken   bool // it has mistakes: what is missing may only be unread
	defaults entry
	globals  map[string]entry
	profiles []*section
	serve    ServeSection
}

// entry is one value of the file.
type entry struct {
	value string
	line  int
}

func (e entry) origin(path string) Origin { return Origin{Kind: FromFile, File: path, Line: e.line} }

// section is one profile as the file has it.
type section struct {
	name     string
	line     int
	entries  map[string]entry
	identity *identityEntry
}

// identityEntry is a profile's identity as the file has it.
type identityEntry struct {
	line   int
	values map[string]entry
	lists  map[string][]string
}

func (d *document) section(name string) *section {
	for _, s := range d.profiles {
		if s.name == name {
			return s
		}
	}
	return nil
}

func (d *document) names() []string {
	names := make([]string, 0, len(d.profiles))
	for _, s := range d.profiles {
		names = append(names, s.name)
	}
	return names
}

// reader walks the nodes of a file and collects what is wrong with it.
type reader struct {
	doc      *document
	vendors  []Vendor
	problems Problems
	keys     map[string]profileKeys // by provider
}

// profileKeys are the keys that a profile may have.
type profileKeys struct {
	names []string
	lists []string // those that take a sequence
}

// full reports whether so much is wrong that nothing more is recorded.
func (r *reader) full() bool { return len(r.problems.List) > mostProblems }

// read turns the bytes of a config file into a document. It is total: whatever
// the bytes are, the mistakes are in the problems.
func read(path string, data []byte, vendors []Vendor) (*document, Problems) {
	r := &reader{doc: &document{path: path, found: true}, vendors: vendors, keys: map[string]profileKeys{}}
	if root := r.parse(data); root != nil && len(r.problems.List) == 0 {
		r.top(root)
	}
	r.doc.broken = len(r.problems.List) > 0
	return r.doc, r.problems
}

// wrong records a mistake at a node.
func (r *reader) wrong(n *yaml.Node, mend, format string, args ...any) {
	r.at(n.Line, n.Column, mend, fmt.Sprintf(format, args...))
}

func (r *reader) at(line, column int, mend, text string) {
	if r.full() {
		return
	}
	p := Problem{Text: fmt.Sprintf("%s:%d:%d: %s", printable(r.doc.path), line, column, text)}
	if mend != "" {
		p.Mend = []string{mend}
	}
	r.problems.add(p)
}
