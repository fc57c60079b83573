package output

import (
	"bytes"
	"encoding/json"
)

// Request is a request that is shown and not sent; its secrets are gone.
type Request struct {
	Method  string   `json:"method"`
	URL     string   `json:"url"`
	Headers []Header `json:"headers"`
	Body    string   `json:"body"`
}

// Header is one header line of a Request.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// DryRunJSON is what `exchange --dry-run --format json` prints.
func DryRunJSON(r Request, claims []byte) ([]byte, error) {
	return JSON(struct {
		Request Request         `json:"request"`
		Claims  json.RawMessage `json:"claims"`
	}{r, claims})
}

// DryRunText is what `exchange --dry-run` prints: the request as it would look,
// and the claims.
func DryRunText(r Request, claims []byte) ([]byte, error) {
	var b, pretty bytes.Buffer
	b.WriteString(r.Method + " " + r.URL + "\n")
	for _, h := range r.Headers {
		b.WriteString(h.Name + ": " + h.Value + "\n")
	}
	b.WriteString("\n" + r.Body + "\n\nclaims of the identity token:\n")
	if err := json.Indent(&pretty, claims, "", "  "); err != nil {
		return nil, err
	}
	b.Write(Escape(pretty.Bytes()))
	b.WriteByte('\n')
	return b.Bytes(), nil
}
