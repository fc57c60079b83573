package config

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parse turns bytes into the root node of the one document, nil for an empty one
// or after a mistake. Nodes are read, never decoded: an alias stays an alias, so
// that no file grows on reading.
func (r *reader) parse(data []byte) *yaml.Node {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")), bytes.IndexByte(data, 0) >= 0:
		r.at(1, 1, "save the file as UTF-8", "the file is not UTF-8 text (UTF-16?)")
		return nil
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !r.lines(data) {
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var root, second yaml.Node
	if err := dec.Decode(&root); err != nil {
		if !errors.Is(err, io.EOF) {
			r.syntax(err)
		}
		return nil
	}
	switch err := dec.Decode(&second); {
	case err == nil:
		r.wrong(&second, "keep one document in the file", "a second YAML document begins here")
		return nil
	case !errors.Is(err, io.EOF):
		r.syntax(err)
		return nil
	}
	r.plain(&root)
	return &root
}

// lines refuses tabs, which look like indentation and are none, and bytes that
// are not UTF-8.
func (r *reader) lines(data []byte) bool {
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if i := bytes.IndexByte(line, '\t'); i >= 0 {
			r.at(number, utf8.RuneCount(line[:i])+1, "use spaces", "a tab is not allowed")
			return false
		}
		if !utf8.Valid(line) {
			r.at(number, 1, "save the file as UTF-8", "the line is not valid UTF-8")
			return false
		}
	}
	return true
}

// syntax records an error of the YAML parser, which names the line in its text.
func (r *reader) syntax(err error) {
	r.problems.add(Problem{Text: printable(r.doc.path) + ": " + printable(strings.TrimPrefix(err.Error(), "yaml: "))})
}

// plain refuses what makes a file mean more than it shows: tags and merge keys.
// It does not follow aliases, so that it looks at every node once.
func (r *reader) plain(n *yaml.Node) {
	if n.Style&yaml.TaggedStyle != 0 {
		r.wrong(n, "", "a YAML tag (%s) is not allowed", printable(n.Tag))
		return
	}
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if key := n.Content[i]; key.Kind == yaml.ScalarNode && key.Tag == "!!merge" {
				r.wrong(key, "write the keys out", "a merge key (<<) is not allowed")
			}
		}
	}
	for _, child := range n.Content {
		r.plain(child)
	}
}

// mapping visits the keys of a mapping, each once and in order; an absent (null)
// mapping has none. allowed lists the keys for the error about an unknown one,
// nil allows all.
func (r *reader) mapping(n *yaml.Node, what string, allowed []string, visit func(key string, keyNode, value *yaml.Node)) {
	at := n
	n = resolved(n)
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.wrong(at, "", "%s must be a mapping (key: value)", what)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		keyNode, value := n.Content[i], n.Content[i+1]
		name := resolved(keyNode)
		if name.Kind != yaml.ScalarNode || len(name.Value) > 256 {
			r.wrong(keyNode, "", "a key of %s must be a short text", what)
			continue
		}
		key := name.Value
		if line, twice := seen[key]; twice {
			r.wrong(keyNode, "keep one of them", "%s has the key %s twice, first in line %d", what, quoted(key), line)
			continue
		}
		seen[key] = keyNode.Line
		if allowed != nil && !slices.Contains(allowed, key) {
			r.unknown(keyNode, "key "+quoted(key)+" in "+what, key, allowed)
			continue
		}
		visit(key, keyNode, value)
	}
}

// unknown records a name that is not among the candidates.
func (r *reader) unknown(n *yaml.Node, what, name string, candidates []string) {
	if r.full() {
		return
	}
	if near := Nearest(name, candidates); near != "" {
		r.wrong(n, "write "+near, "unknown %s; did you mean %s?", what, near)
		return
	}
	r.wrong(n, "one of: "+strings.Join(candidates, ", "), "unknown %s", what)
}

// scalar is a single value as the file spells it; null and blank are absent.
func (r *reader) scalar(n *yaml.Node, what string) (entry, bool) {
	v := resolved(n)
	switch {
	case isNull(v):
		return entry{}, false
	case v.Kind != yaml.ScalarNode:
		r.wrong(n, "", "%s must be a single value", what)
		return entry{}, false
	case blank(v.Value):
		return entry{}, false
	}
	return entry{value: v.Value, line: n.Line}, true
}

// list is a sequence of single values, or one value alone.
func (r *reader) list(n *yaml.Node, what string) []string {
	v := resolved(n)
	if isNull(v) {
		return nil
	}
	if v.Kind != yaml.SequenceNode {
		if one, ok := r.scalar(n, what); ok {
			return []string{one.value}
		}
		return nil
	}
	values := make([]string, 0, len(v.Content))
	for _, item := range v.Content {
		scalar := resolved(item)
		if scalar.Kind != yaml.ScalarNode {
			r.wrong(item, "", "%s must be a list of single values", what)
			return nil
		}
		values = append(values, scalar.Value)
	}
	return values
}

// resolved follows an alias to what it stands for. An anchor inside its own
// value is cut short: nothing here descends further than the file's form goes.
func resolved(n *yaml.Node) *yaml.Node {
	for range 8 {
		if n.Kind != yaml.AliasNode || n.Alias == nil {
			return n
		}
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" || n.Kind == 0 }
