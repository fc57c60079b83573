package output

import (
	"bytes"
	"strings"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// AWSFile is a credentials file of the AWS CLI and SDKs (AWS SDK reference,
// "Shared config and credentials files") with c as a profile. Everything else in
// the file stays byte for byte; of a section that is there twice one is left. The
// lines of the profile end as those of the file do.
func AWSFile(file []byte, section string, c exchange.Credential) ([]byte, error) {
	if c.Kind != exchange.AWS || c.AWS == nil {
		return nil, refuse("aws-credentials", "a credential of kind "+string(c.Kind)+" ("+c.Provider+") is none of AWS",
			"use it with a profile whose provider is aws")
	}
	eol := "\n"
	if bytes.Contains(file, []byte("\r\n")) {
		eol = "\r\n"
	}
	before, after, found := cutSection(file, section)
	if !found && len(before) > 0 {
		if !bytes.HasSuffix(before, []byte("\n")) {
			before = append(before, eol...)
		}
		if !endsBlank(before) {
			before = append(before, eol...)
		}
	}
	var b strings.Builder
	b.WriteString("[" + section + "]" + eol)
	for _, line := range [...]struct{ name, value string }{
		{"aws_access_key_id", c.AWS.AccessKeyID.Reveal()},
		{"aws_secret_access_key", c.AWS.SecretAccessKey.Reveal()},
		{"aws_session_token", c.AWS.SessionToken.Reveal()},
	} {
		if strings.ContainsAny(line.value, "\r\n\x00") {
			return nil, refuse("aws-credentials", line.name+" holds a line break or NUL", "")
		}
		b.WriteString(line.name + " = " + line.value + eol)
	}
	if len(after) > 0 && !beginsBlank(after) {
		b.WriteString(eol)
	}
	return append(append(before, b.String()...), after...), nil
}

// AWSFileWithout is the file without a profile, and without the blank line that
// stood between it and its neighbour.
func AWSFileWithout(file []byte, section string) []byte {
	before, after, found := cutSection(file, section)
	switch {
	case !found:
	case len(after) == 0 && endsBlank(before):
		before = before[:len(before)-len(lastLine(before))]
	case beginsBlank(after) && (len(before) == 0 || endsBlank(before)):
		_, after, _ = bytes.Cut(after, []byte("\n"))
	}
	return append(before, after...)
}

// cutSection takes every section of that name out and returns what stood before
// the first of them, and the rest. A section ends with the last of its settings:
// blank lines and comments behind it belong to what follows.
func cutSection(file []byte, section string) (before, after []byte, found bool) {
	inside := false
	var tail []byte // blank lines and comments that may end the section
	for line := range bytes.Lines(file) {
		if name, ok := sectionName(line); ok {
			after, tail = append(after, tail...), nil
			inside = name == section
			found = found || inside
			if inside {
				continue
			}
		}
		switch {
		case inside && isRemark(line):
			tail = append(tail, line...)
		case inside:
			tail = nil
		case found:
			after = append(after, line...)
		default:
			before = append(before, line...)
		}
	}
	return before, append(after, tail...), found
}

// isRemark reports whether a line is blank or a comment.
func isRemark(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) == 0 || line[0] == '#' || line[0] == ';'
}

// lastLine is the last line of b with its end, which it has.
func lastLine(b []byte) []byte { return b[bytes.LastIndexByte(b[:len(b)-1], '\n')+1:] }

func endsBlank(b []byte) bool {
	return bytes.HasSuffix(b, []byte("\n")) && len(bytes.TrimSpace(lastLine(b))) == 0
}

func beginsBlank(b []byte) bool {
	line, _, ended := bytes.Cut(b, []byte("\n"))
	return ended && len(bytes.TrimSpace(line)) == 0
}

// sectionName is the name in a line [NAME]; what follows the bracket is a comment.
func sectionName(line []byte) (string, bool) {
	s := strings.TrimSpace(string(line))
	if !strings.HasPrefix(s, "[") {
		return "", false
	}
	name, _, ok := strings.Cut(s[1:], "]")
	return strings.TrimSpace(name), ok
}
