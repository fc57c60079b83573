package cli

import (
	"io"

	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// System is the outside world as the program sees it: nothing below cmd/awf-cred
// reads the process's streams, environment or clock by itself.
type System struct {
	In       io.Reader
	Out, Err io.Writer
	Env      []string // as os.Environ gives it
	Clock    tokensource.Clock
	TTY      bool   // Err is a terminal
	GOOS     string // runtime.GOOS
}
