package identity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/awf-cred/awf-cred/internal/jwt"
	"github.com/awf-cred/awf-cred/internal/scrub"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// file holds a token that somebody else keeps fresh: a kubelet, an agent, an
// earlier step. It is read anew for every assertion; links are followed, because
// a kubelet renews a token by moving one (projected volumes, `..data`).
type file struct {
	path  string
	said  string // where the path came from
	check checker
	clock tokensource.Clock
}

const renewFile = "whoever writes the file has to renew it: it is read again for every exchange"

// Assertion returns the token that is in the file now.
func (f *file) Assertion(ctx context.Context, _ string) (exchange.Assertion, error) {
	var a exchange.Assertion
	err := f.read(ctx, func(raw string) (err error) {
		a, err = f.check.assertion(raw)
		return err
	})
	return a, err
}

// Fingerprint names the workload that the token is for, and the path.
func (f *file) Fingerprint(ctx context.Context) (string, error) {
	var claims jwt.Claims
	err := f.read(ctx, func(raw string) (err error) {
		_, claims, err = parse(raw)
		return err
	})
	if err != nil {
		return "", err
	}
	return digest(append([]string{"file", f.path}, subject(claims)...)...), nil
}

// A token that is written in place is for a moment absent, empty or half there. A
// mistake counts when two looks find the same.
const (
	looks     = 20
	lookAgain = 25 * time.Millisecond
)

// read hands the content to use, again when it was wrong and has changed since.
func (f *file) read(ctx context.Context, use func(raw string) error) error {
	var last []byte
	var lastErr error
	for look := range looks {
		data, err := load(f.path)
		if err == nil {
			err = use(string(data))
		}
		if err == nil {
			return nil
		}
		if look > 0 && bytes.Equal(data, last) && err.Error() == lastErr.Error() {
			break
		}
		last, lastErr = data, err
		timer := f.clock.NewTimer(lookAgain)
		select {
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
			return failure("file", f.describe(lastErr), "", ctx.Err())
		}
	}
	hint := advice(lastErr, renewFile)
	if errors.Is(lastErr, errAbsent) {
		hint = "is the path right, and has the step that writes the file run? Another source can be chosen with --identity"
	}
	return failure("file", f.describe(lastErr), hint, nil)
}

func (f *file) describe(err error) string { return scrub.Text(f.path) + f.said + " " + clause(err) }

var errAbsent = errors.New("does not exist")

// load reads at most maxSource bytes of a regular file and never waits for one.
func load(path string) ([]byte, error) {
	f, err := openNoWait(path)
	if err != nil {
		var pe *fs.PathError
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, errAbsent
		case errors.Is(err, fs.ErrPermission):
			return nil, errors.New("may not be read by this user")
		case errors.As(err, &pe):
			err = pe.Err
		}
		return nil, fmt.Errorf("cannot be opened: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, errors.New("cannot be examined")
	case info.IsDir():
		return nil, errors.New("is a directory")
	case !info.Mode().IsRegular():
		return nil, errors.New("is not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSource+1))
	switch {
	case err != nil:
		return nil, errors.New("cannot be read")
	case len(data) > maxSource:
		return nil, fmt.Errorf("is larger than the %d KiB that a token may have", maxSource>>10)
	}
	return data, nil
}
