package cli

import (
	"io"
	"io/fs"
	"strings"
	"sync"

	"github.com/awf-cred/awf-cred/internal/output"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// masks tells the Actions runner what to hide, on standard error, each line once.
// It is asked as soon as a secret is known and before anything could print it.
type masks struct {
	w    io.Writer
	on   bool
	mu   sync.Mutex
	said map[string]bool
}

// intoFile reports whether w is a regular file. The runner reads a pipe; in the log
// file of a serve in the background each mask would be the secret in clear, renewed
// for as long as it runs, so serve and exec give none there.
func intoFile(w io.Writer) bool {
	f, ok := w.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

func (m *masks) hide(values ...secret.Value) {
	if !m.on {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.said == nil {
		m.said = map[string]bool{}
	}
	var b strings.Builder
	for line := range strings.Lines(string(output.Masks(values...))) {
		if !m.said[line] {
			m.said[line] = true
			b.WriteString(line)
		}
	}
	if b.Len() > 0 {
		_, _ = io.WriteString(m.w, b.String())
	}
}

// hideCredential masks all secret parts of c.
func (m *masks) hideCredential(c exchange.Credential) {
	m.hide(c.Token)
	if c.AWS != nil {
		m.hide(c.AWS.SecretAccessKey, c.AWS.SessionToken, c.AWS.AccessKeyID)
	}
}
