package output

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/awf-cred/awf-cred/pkg/secret"
)

// Masks renders the workflow commands by which the Actions runner learns to hide
// values: each value whole, each of its lines, and each form in which one of our
// outputs writes it. The runner reads commands from stderr as well as stdout, so
// the caller writes them to stderr, before anything else can print a value.
//
// Escapes: actions/runner ActionCommandManager ("%", CR and LF of command data).
// An empty value is left out: the runner warns of it and masks nothing.
func Masks(values ...secret.Value) []byte {
	var b bytes.Buffer
	seen := map[string]bool{}
	mask := func(s string) {
		if strings.TrimSpace(s) == "" || seen[s] {
			return
		}
		seen[s] = true
		b.WriteString("::add-mask::" + commandData(s) + "\n")
	}
	for _, v := range values {
		plain := v.Reveal()
		if strings.TrimSpace(plain) == "" {
			continue
		}
		for _, form := range append([]string{plain}, printedForms(plain)...) {
			mask(form)
			for line := range strings.FieldsFuncSeq(form, func(r rune) bool { return r == '\r' || r == '\n' }) {
				mask(strings.TrimSpace(line))
			}
		}
	}
	return b.Bytes()
}

// commandData escapes the data of a workflow command.
func commandData(s string) string {
	s = strings.ReplaceAll(s, "%", "%25")
	s = strings.ReplaceAll(s, "\r", "%0D")
	return strings.ReplaceAll(s, "\n", "%0A")
}

// printedForms are the ways in which our formats and dialects write a value, in
// so far as they differ from the value itself.
func printedForms(s string) []string {
	forms := []string{jsonText(s)}
	for _, quote := range []func(string) string{posixInner, fishInner, powershellInner, dotenvInner} {
		forms = append(forms, quote(s))
	}
	return forms
}

// jsonText is s as it stands between the quotes of a JSON string.
func jsonText(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) != nil || b.Len() < 3 {
		return ""
	}
	return string(Escape(b.Bytes()[1 : b.Len()-2]))
}
