package cli

import (
	"crypto/rand"
	"encoding/base64"
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

// clientKey is the key that clients must show, nil for none, that of the
// credentials endpoint, which always has one, and the one that was made here.
func (o *serveOptions) clientKey(a *app) (key, container *proxy.Key, generated secret.Value, err error) {
	var value secret.Value
	switch {
	case o.keyFile != "":
		value, err = readKeyFile(o.keyFile)
	case o.key != "", o.credentials != "":
		value, err = newKey(a)
		generated = value
	default:
		return nil, nil, generated, nil
	}
	if err != nil {
		return nil, nil, generated, err
	}
	a.masks.hide(value)
	made, err := proxy.NewKey(value)
	switch {
	case err != nil:
		return nil, nil, generated, usage("client key", err.Error())
	case o.keyFile == "" && o.key == "":
		return nil, made, generated, nil
	}
	return made, made, generated, nil
}

// keyBytes is the length of a key that we make: 256 bits.
const keyBytes = 32

// newKey makes a client key.
func newKey(a *app) (secret.Value, error) {
	b := make([]byte, keyBytes)
	random := a.random
	if random == nil {
		random = rand.Reader
	}
	if _, err := random.Read(b); err != nil {
		return secret.Value{}, err
	}
	return secret.New(base64.RawURLEncoding.EncodeToString(b)), nil
}
