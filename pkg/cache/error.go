package cache

import (
	"errors"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// ErrUnsafe is in the chain of an error about a file or directory that is a link,
// another user's, or open to others.
var ErrUnsafe = atomicfile.ErrUnsafe

// ErrTooLarge is in the chain of an error about a credential that the store
// cannot hold.
var ErrTooLarge = errors.New("too large for this store")

// ErrUnavailable is in the chain of an error about a keyring that is not there,
// locked, or did not answer in time.
var ErrUnavailable = errors.New("not available")

var (
	errBadKey   = errors.New("a key is up to 64 lower-case letters and digits")
	errNoExpiry = errors.New("only a credential that expires is stored")
	errUnsound  = errors.New("the credential holds what no provider grants")
)

// storageError wraps err as what package tokensource and the command line ask
// for. The command that mends an unsafe file becomes the hint.
func storageError(step string, err error) error {
	if err == nil {
		return nil
	}
	hint := ""
	if file := (*atomicfile.Error)(nil); errors.As(err, &file) {
		hint = file.Mend
	}
	return &exchange.Error{Step: step, Cause: exchange.Storage, Hint: hint, Err: err}
}
