package exchange

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func document(inner string) string {
	return `<r xmlns="` + stsNamespace + `">` + inner + `</r>`
}

func TestReadXML(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"text", document("<a>x</a>"), "r[a=x]"},
		{"an empty element", document("<a/><b />"), "r[a=b=]"},
		{"blanks between elements", document("\n <a>x</a>\r\n"), "r[a=x]"},
		{"blanks in a value stay", document("<a> x </a>"), "r[a= x ]"},
		{"the predefined entities", document("<a>&lt;&gt;&amp;&quot;&apos;</a>"), `r[a=<>&"']`},
		{"character references", document("<a>&#65;&#x42;&#x1F600;</a>"), "r[a=AB\U0001F600]"},
		{"CDATA", document("<a>x<![CDATA[<&]]>y</a>"), "r[a=x<&y]"},
		{"line ends are one", document("<a>x\r\ny\rz</a>"), "r[a=x\ny\nz]"},
		{"attributes are ignored", `<r a='1' xmlns='` + stsNamespace + "' b = \"2\"\n>x</r>", "r=x"},
		{"a declaration", `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + document("x"), "r=x"},
		{"blanks after the end", document("x") + "\n", "r=x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, err := readXML([]byte(c.in), stsNamespace)
			require.NoError(t, err)
			assert.Equal(t, c.want, render(e))
		})
	}
}

func TestReadXMLRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		want     error
	}{
		{"nothing", "", errXML},
		{"text", "hello", errXML},
		{"two roots", document("x") + document("y"), errXML},
		{"text after the end", document("x") + "y", errXML},
		{"a byte order mark", "\ufeff" + document("x"), errXML},
		{"an open element", document("<a>"), errXML},
		{"crossed elements", document("<a><b></a></b>"), errXML},
		{"a cut document", document("<a>x</a>")[:40], errXML},
		{"an attribute twice", `<r xmlns="` + stsNamespace + `" xmlns="` + stsNamespace + `"/>`, errXML},
		{"attributes without a blank", `<r xmlns="` + stsNamespace + `"a="b"/>`, errXML},
		{"an attribute without quotes", `<r a=b/>`, errXML},
		{"NUL", document("\x00"), errXML},
		{"NUL as a reference", document("&#0;"), errXML},
		{"a surrogate as a reference", document("&#xD800;"), errXML},
		{"a large reference", document("&#x110000;"), errXML},
		{"an unknown entity", document("&e;"), errXML},
		{"a bare ampersand", document("a & b"), errXML},
		{"the end of CDATA without its beginning", document("a ]]> b"), errXML},
		{"CDATA that does not end", document("<![CDATA[x"), errXML},
		{"a document type", "<!DOCTYPE r>" + document("x"), errXMLMarkup},
		{"a comment", document("<!-- x -->"), errXMLMarkup},
		{"a processing instruction", document("<?x?>"), errXMLMarkup},
		{"a comment after the end", document("x") + "<!-- x -->", errXMLMarkup},
		{"no namespace", "<r/>", errXMLNamespace},
		{"another namespace inside", document(`<a xmlns="x"/>`), errXMLNamespace},
		{"a prefix", `<s:r xmlns:s="` + stsNamespace + `"/>`, errXMLNamespace},
		{"text beside elements", document("x<a/>"), errXMLMixed},
		{"depth", document(strings.Repeat("<a>", 100)), errXMLSize},
		{"width", document(strings.Repeat("<a/>", 300)), errXMLSize},
		{"invalid UTF-8", document("\xff"), errXML},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := readXML([]byte(c.in), stsNamespace)
			assert.ErrorIs(t, err, c.want)
		})
	}
}

// FuzzReadXML: what our reader accepts, encoding/xml accepts and reads as the same
// tree.
func FuzzReadXML(f *testing.F) {
	for _, s := range []string{
		document("<a>x</a><b/>"), document("<a>&lt;&#65;<![CDATA[x]]></a>"), document(`<a b="c"/>`), `<?xml version="1.0"?>` + document("\r\n"),
		"<!DOCTYPE r>" + document("x"), document("]]>"), document("&#xFFFD;"), document("<a.b_c-1>x</a.b_c-1>"), `<r xmlns='` + stsNamespace + `' >x</r >`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := readXML(data, stsNamespace)
		if err != nil {
			return
		}
		want, err := oracle(data)
		require.NoError(t, err)
		require.Equal(t, want, render(e))
	})
}

// oracle renders what encoding/xml reads. Attributes other than xmlns are not
// compared, nor is a declaration of another encoding, which we do not look at.
func oracle(data []byte) (string, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	root := &element{}
	path := []*element{root}
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return render(root.children[0]), nil
		}
		if err != nil {
			if strings.Contains(err.Error(), "version") { // of the declaration
				return oracle(data[bytes.Index(data, []byte("?>"))+2:])
			}
			return "", err
		}
		top := path[len(path)-1]
		switch t := t.(type) {
		case xml.StartElement:
			if t.Name.Space != stsNamespace {
				return "", fmt.Errorf("namespace %q", t.Name.Space)
			}
			e := &element{name: t.Name.Local}
			top.children = append(top.children, e)
			path = append(path, e)
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			top.text += string(t)
		case xml.Comment, xml.Directive:
			return "", fmt.Errorf("%T", t)
		}
	}
}

func render(e *element) string {
	if len(e.children) == 0 {
		return e.name + "=" + e.text
	}
	out := e.name + "["
	for _, c := range e.children {
		out += render(c)
	}
	return out + "]"
}
