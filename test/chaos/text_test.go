//go:build linux

package chaos

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func itoa(n int) string     { return strconv.Itoa(n) }
func quote(s string) string { return strconv.Quote(s) }

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), mode))
	require.NoError(t, os.Chmod(path, mode))
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

func needStrace(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("strace", "-qq", "-e", "trace=none", "true").CombinedOutput(); err != nil {
		t.Skipf("needs strace and the right to trace: %v %s", err, out)
	}
}

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skip("needs " + program)
	}
}

// jsonString is s as a JSON string, other bytes than UTF-8 kept as they are.
func jsonString(s string) string {
	var b []byte
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

// jsonNumber is a number of a JSON object, 0 when it is not there.
func jsonNumber(object, name string) float64 {
	var m map[string]any
	_ = json.Unmarshal([]byte(object), &m)
	n, _ := m[name].(float64)
	return n
}

func countLines(text, part string) (n int) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

// resealed is an entry whose digest is right again after its body was changed.
func resealed(entry []byte) []byte {
	const begin = `"body":`
	at := bytes.Index(entry, []byte(begin)) + len(begin)
	body := bytes.TrimSuffix(bytes.TrimSpace(entry[at:]), []byte("}"))
	return fmt.Appendf(nil, `{"version":1,"sha256":"%x","body":%s}`+"\n", sha256.Sum256(body), body)
}

// digests are those of s that a program might print, in hex.
func digests(s string) []string {
	return []string{
		fmt.Sprintf("%x", sha256.Sum256([]byte(s))), fmt.Sprintf("%x", sha256.Sum224([]byte(s))),
		fmt.Sprintf("%x", sha512.Sum512([]byte(s))), fmt.Sprintf("%x", sha1.Sum([]byte(s))), fmt.Sprintf("%x", md5.Sum([]byte(s))),
	}
}
