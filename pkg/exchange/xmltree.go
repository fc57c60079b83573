package exchange

// element is an XML element: text, or children with nothing but blanks between.
type element struct {
	name     string
	text     string
	children []*element
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
