package serve

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// Ready is what the ready file says: where everything listens. Fields may be
// added; these stay. What is not there is null.
type Ready struct {
	PID                 int             `json:"pid"`
	Listeners           []ReadyListener `json:"listeners"`
	Admin               *string         `json:"admin"`                // http://HOST:PORT
	CredentialsEndpoint *string         `json:"credentials_endpoint"` // the whole URL
	ClientKey           *string         `json:"client_key"`           // only one that was generated
}

// ReadyListener is one reverse proxy.
type ReadyListener struct {
	Profile  string  `json:"profile"`
	Provider string  `json:"provider"`
	Address  string  `json:"address"` // HOST:PORT or unix:PATH
	URL      *string `json:"url"`     // http://HOST:PORT, null for a unix socket
}

// longestReady bounds a ready file, in bytes.
const longestReady = 1 << 20

// ParseReady reads a ready file's content.
func ParseReady(data []byte) (Ready, error) {
	var r Ready
	if len(data) > longestReady {
		return r, fmt.Errorf("has more than %d bytes", longestReady)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return Ready{}, fmt.Errorf("is not a ready file: %w", err)
	}
	return r, nil
}

// revealKey is the one place where a client key enters the ready file.
func revealKey(key secret.Value) *string {
	if key.IsZero() {
		return nil
	}
	text := key.Reveal()
	return &text
}

// publish writes the ready file and the ready descriptor. Both must work before
// anything is served.
func publish(r Ready, file string, fd int) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	if file != "" {
		if err := atomicfile.Write(file, data); err != nil {
			return &exchange.Error{Step: "ready file", Cause: exchange.Storage, Err: err, Hint: "name a file, new or ours, in a folder that exists"}
		}
	}
	if fd == 0 {
		return nil
	}
	if err := writeFD(fd, data); err != nil {
		return &exchange.Error{Step: fmt.Sprintf("ready descriptor %d", fd), Cause: exchange.Storage, Err: err,
			Hint: "--ready-fd wants the number of a descriptor that was opened for writing and has a reader, as in: awf-cred serve --ready-fd 3 3>file"}
	}
	return nil
}

// unpublish removes the ready file at the end, so that nobody shows a client key
// to whoever gets the port next. That of another server stays.
func unpublish(file string) {
	data, err := atomicfile.Read(file, longestReady)
	if err != nil {
		return
	}
	if r, err := ParseReady(data); err == nil && r.PID == os.Getpid() {
		_ = atomicfile.Remove(file) // it may be gone
	}
}

// Abandon removes what Run removes at its end, for whoever does not wait for that
// end: the ready file, and files that sinks are to remove.
func Abandon(readyFile string, sinks []Sink) {
	if readyFile != "" {
		unpublish(readyFile)
	}
	for _, sink := range sinks {
		if sink.Remove != nil {
			_ = sink.Remove() // there is nobody left to tell
		}
	}
}

// readyPatience bounds the wait for a reader of a pipe that is full.
const readyPatience = 5 * time.Second

// past is a deadline that is over.
var past = time.Unix(1, 0)

// writeFD writes data to a descriptor of our caller's. It is closed afterwards,
// unless it is one of the standard ones.
func writeFD(fd int, data []byte) error {
	f, err := openFD(fd)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	late := time.AfterFunc(readyPatience, func() { _ = f.SetWriteDeadline(past) }) // files have none, and need none
	defer late.Stop()
	_, err = f.Write(data)
	return err
}
