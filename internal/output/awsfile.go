package output

import (
	"bytes"
	"strings"

	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// AWSFile is a credentials file of the AWS CLI and SDKs (AWS SDK reference,
// "Shared config and credentials files") with c as a profile. Everything else in
// the file stays byte for byte; of a section that is there twice one is left.
func AWSFile(file []byte, section string, c exchange.Credential) ([]byte, error) {
	if c.Kind != exchange.AWS || c.AWS == nil {
		return nil, refuse("aws-credentials", "a credential of kind "+string(c.Kind)+" ("+c.Provider+") is none of AWS",
			"use it with a profile whose provider is aws")
	}
	var b strings.Builder
	b.WriteString("[" + section + "]\n")
	for _, line := range [...]struct{ name, value string }{
		{"aws_access_key_id", c.AWS.AccessKeyID.Reveal()},
		{"aws_secret_access_key", c.AWS.SecretAccessKey.Reveal()},
		{"aws_session_token", c.AWS.SessionToken.Reveal()},
	} {
		if strings.ContainsAny(line.value, "\r\n\x00") {
			return nil, refuse("aws-credentials", line.name+" holds a line break or NUL", "")
		}
		b.WriteString(line.name + " = " + line.value + "\n")
	}
	before, after, found := cutSection(file, section)
	if !found && len(before) > 0 {
		before = append(bytes.TrimRight(before, "\r\n"), "\n\n"...)
	}
	if len(after) > 0 {
		b.WriteByte('\n')
	}
	return append(append(before, b.String()...), after...), nil
}

// AWSFileWithout is the file without a profile.
func AWSFileWithout(file []byte, section string) []byte {
	before, after, _ := cutSection(file, section)
	return append(before, after...)
}

// cutSection takes every section of that name out and returns what stood before
// the first of them, and the rest.
func cutSection(file []byte, section string) (before, after []byte, found bool) {
	inside := false
	for line := range bytes.Lines(file) {
		if name, ok := sectionName(line); ok {
			inside = name == section
			found = found || inside
		}
		switch {
		case inside:
		case found:
			after = append(after, line...)
		default:
			before = append(before, line...)
		}
	}
	return before, after, found
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
