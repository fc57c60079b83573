package output

import (
	"bytes"
	"io"
)

// writeObject writes one flat JSON object in the order of vars; a variable to
// remove is null.
func writeObject(b *bytes.Buffer, vars []Var, _ io.Reader) error {
	b.WriteByte('{')
	for i, v := range vars {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + v.Name + `":`) // a valid name needs no escape
		if v.Unset {
			b.WriteString("null")
		} else {
			b.WriteString(`"` + jsonText(v.Value.Reveal()) + `"`)
		}
	}
	b.WriteString("}\n")
	return nil
}
