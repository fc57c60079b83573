package exchange

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// Bounds of an XML answer; those of STS have a depth of 4 and some 20 elements.
const (
	maxXMLDepth    = 16
	maxXMLElements = 256
)

var (
	errXML          = errors.New("is not XML")
	errXMLNamespace = errors.New("has an XML element of another namespace")
	errXMLMarkup    = errors.New("has an XML comment, processing instruction or document type")
	errXMLMixed     = errors.New("has text beside XML elements")
	errXMLSize      = errors.New("has too many XML elements")
)

// xmlReader reads the part of XML 1.0 that STS answers in: elements of one default
// namespace, text, CDATA, and the five predefined entities. It has no entities of
// its own and no way to a file or another host, and it refuses what readers
// disagree about: comments and processing instructions inside of values, prefixes,
// text beside elements. (encoding/xml would do, but its tables are made at every
// start of the program.)
type xmlReader struct {
	s         string
	namespace string
	count     int
}

// readXML reads a document whose elements are all of one namespace.
func readXML(data []byte, namespace string) (*element, error) {
	if !utf8.Valid(data) {
		return nil, errXML
	}
	r := &xmlReader{s: string(data), namespace: namespace}
	if strings.HasPrefix(r.s, "<?xml ") { // the declaration; UTF-8 is what we read
		_, rest, ok := strings.Cut(r.s, "?>")
		if !ok {
			return nil, errXML
		}
		r.s = rest
	}
	r.blanks()
	e, err := r.element("", 1)
	if err != nil {
		return nil, err
	}
	if r.blanks(); r.s != "" {
		return nil, r.odd()
	}
	return e, nil
}

// element reads one, which is at the beginning. outer is the default namespace.
func (r *xmlReader) element(outer string, depth int) (*element, error) {
	if r.count++; r.count > maxXMLElements || depth > maxXMLDepth {
		return nil, errXMLSize
	}
	if !r.take("<") {
		return nil, errXML
	}
	name := r.name()
	if name == "" {
		r.s = "<" + r.s
		return nil, r.odd()
	}
	namespace, empty, err := r.attributes(outer)
	if err != nil {
		return nil, err
	}
	if namespace != r.namespace || strings.Contains(name, ":") {
		return nil, errXMLNamespace
	}
	e := &element{name: name}
	if empty {
		return e, nil
	}
	if err := r.content(e, namespace, depth); err != nil {
		return nil, err
	}
	if r.name() != name {
		return nil, errXML
	}
	if r.blanks(); !r.take(">") {
		return nil, errXML
	}
	return e, nil
}

// content reads up to and including `</`.
func (r *xmlReader) content(e *element, namespace string, depth int) error {
	var text strings.Builder
	for !r.take("</") {
		switch {
		case r.s == "":
			return errXML
		case r.take("<![CDATA["):
			data, rest, ok := strings.Cut(r.s, "]]>")
			if !ok || !xmlCharacters(data) {
				return errXML
			}
			text.WriteString(oneLineEnd(data))
			r.s = rest
		case r.s[0] == '<':
			child, err := r.element(namespace, depth+1)
			if err != nil {
				return err
			}
			e.children = append(e.children, child)
		default:
			part, err := r.text()
			if err != nil {
				return err
			}
			text.WriteString(part)
		}
	}
	if e.text = text.String(); len(e.children) > 0 && strings.Trim(e.text, " \t\r\n") != "" {
		return errXMLMixed
	}
	return nil
}

// odd names what stands where it should not.
func (r *xmlReader) odd() error {
	if strings.HasPrefix(r.s, "<!") || strings.HasPrefix(r.s, "<?") {
		return errXMLMarkup
	}
	return errXML
}
