package exchange

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// Bounds of an XML answer; those of STS have a depth of 4 and some 20 elements.
const (
	maxXMLDepth    = 16
	maxXMLElements = 256
)

// element is an XML element: text or children.
type element struct {
	name     string
	text     string
	children []*element
}

// readXML reads a document of one namespace. It refuses what STS never sends and
// readers disagree about: document types and their entities (there is no way to a
// file or another host from here), processing instructions, comments, text beside
// elements, elements of another namespace.
func readXML(data []byte, namespace string) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict = true
	root := &element{}
	path, count := []*element{root}, 0
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, errors.New("is not XML")
		}
		top := path[len(path)-1]
		switch t := t.(type) {
		case xml.StartElement:
			if count++; count > maxXMLElements || len(path) > maxXMLDepth {
				return nil, errors.New("has too many XML elements")
			}
			if t.Name.Space != namespace {
				return nil, errors.New("has an XML element of another namespace")
			}
			e := &element{name: t.Name.Local}
			top.children = append(top.children, e)
			path = append(path, e)
		case xml.EndElement:
			if strings.TrimSpace(top.text) != "" && len(top.children) > 0 {
				return nil, errors.New("has text beside XML elements")
			}
			path = path[:len(path)-1]
		case xml.CharData:
			if top.text += string(t); top == root && strings.TrimSpace(top.text) != "" {
				return nil, errors.New("is not XML")
			}
		case xml.ProcInst:
			if t.Target != "xml" {
				return nil, errors.New("has an XML processing instruction")
			}
		default: // Comment, Directive
			return nil, errors.New("has an XML comment or document type")
		}
	}
	if len(root.children) != 1 {
		return nil, errors.New("is not one XML element")
	}
	return root.children[0], nil
}

// child is the one child of that name, nil when there is none or more than one. A
// nil element has none.
func (e *element) child(name string) *element {
	var found *element
	if e == nil {
		return nil
	}
	for _, c := range e.children {
		if c.name != name {
			continue
		}
		if found != nil {
			return nil
		}
		found = c
	}
	return found
}

// value is the text of the one child of that name, empty without one.
func (e *element) value(name string) string {
	c := e.child(name)
	if c == nil || len(c.children) > 0 {
		return ""
	}
	return c.text
}
