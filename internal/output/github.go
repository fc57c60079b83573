package output

import (
	"bytes"
	"encoding/hex"
	"io"
	"strings"
)

// delimiterBytes makes a heredoc's delimiter unguessable: 160 random bits.
const delimiterBytes = 20

// writeHeredocs writes the runner's form for values of any shape: NAME<<DELIMITER,
// the value, DELIMITER (actions/runner FileCommandManager). The runner ends a
// value at a line that equals the delimiter; each value has its own, and one that
// holds it is refused.
func writeHeredocs(b *bytes.Buffer, vars []Var, random io.Reader) error {
	for _, v := range vars {
		if strings.EqualFold(v.Name, "NODE_OPTIONS") {
			return refuse("env --shell github", "the runner does not take NODE_OPTIONS from GITHUB_ENV", "")
		}
		delimiter, err := newDelimiter(random)
		if err != nil {
			return err
		}
		value := v.Value.Reveal()
		if strings.Contains(value, delimiter) {
			return refuse("env --shell github", v.Name+" holds the delimiter of its heredoc", "")
		}
		b.WriteString(v.Name + "<<" + delimiter + "\n" + value + "\n" + delimiter + "\n")
	}
	return nil
}

func newDelimiter(random io.Reader) (string, error) {
	raw := make([]byte, delimiterBytes)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", err
	}
	return "awf_cred_" + hex.EncodeToString(raw), nil
}
