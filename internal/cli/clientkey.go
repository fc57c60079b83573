package cli

import (
	"errors"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// longestKeyFile bounds what is read of a key file, in bytes.
const longestKeyFile = 4096

// readKeyFile reads the client key in the first line of a file that only its
// owner can read. A link is followed: mounted secrets are links.
func readKeyFile(path string) (secret.Value, error) {
	text, err := firstLine(path)
	if err == nil {
		err = proxy.CheckKey(text)
	}
	if err != nil {
		return secret.Value{}, usage("flag --client-key-file", printable(err.Error()),
			"write 16 to 256 letters, digits or . _ ~ - into a file of mode 0600: (umask 077; head -c 24 /dev/urandom | base64 | tr +/ -_ > key)")
	}
	return secret.New(text), nil
}

func firstLine(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() { // opening a FIFO would wait for ever
		return "", errors.New("the file is not a regular one")
	}
	f, err := os.Open(path) // #nosec G304 -- the user named it
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	if info, err = f.Stat(); err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return "", errors.New("the file can be read by others: chmod 600 it")
	}
	data, err := io.ReadAll(io.LimitReader(f, longestKeyFile))
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}
