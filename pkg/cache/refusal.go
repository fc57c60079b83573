package cache

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/awf-cred/awf-cred/internal/atomicfile"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// refusalAge is how long a refusal is shared.
const refusalAge = 5 * time.Second

// Refusals keeps the last final refusal of each key for 5 s.
type Refusals struct{ dir *Directory }

// Refusals are the directory's.
func (d *Directory) Refusals() *Refusals { return &Refusals{dir: d} }

// storedRefusal is an *exchange.Error as it is written: what a server said is
// bounded and scrubbed before it gets into one, and the causes below stay behind.
type storedRefusal struct {
	Key         string    `json:"key"`
	At          time.Time `json:"at"`
	Boot        int64     `json:"boot_ns,omitempty"`
	BootID      string    `json:"boot_id,omitempty"`
	Provider    string    `json:"provider"`
	Step        string    `json:"step"`
	Cause       string    `json:"cause"`
	Status      int       `json:"status,omitempty"`
	Code        string    `json:"code,omitempty"`
	Description string    `json:"description,omitempty"`
	RequestID   string    `json:"request_id,omitempty"`
	Hint        string    `json:"hint,omitempty"`
}

// Recent returns the refusal recorded for key if it is at most 5 s old, marked as
// shared.
func (r *Refusals) Recent(ctx context.Context, key string) (*exchange.Error, bool) {
	if ctx.Err() != nil || checkKey(key) != nil {
		return nil, false
	}
	dir, err := r.dir.openToRead()
	if dir == nil || err != nil {
		return nil, false
	}
	defer dir.Close()
	return r.dir.recentRefusal(dir, key)
}

func (d *Directory) recentRefusal(dir *atomicfile.Dir, key string) (*exchange.Error, bool) {
	data, err := readPresent(dir, key+refusalSuffix)
	if data == nil || err != nil {
		return nil, false
	}
	body, whole := unseal(data)
	var s storedRefusal
	if !whole || json.Unmarshal(body, &s) != nil || s.Key != key || !d.recent(stamp{Wall: s.At, Boot: time.Duration(s.Boot), BootID: s.BootID}) {
		return nil, false
	}
	return &exchange.Error{
		Provider: s.Provider, Step: s.Step, Cause: exchange.Cause(s.Cause), Status: s.Status, Code: s.Code,
		Description: s.Description, RequestID: s.RequestID, Hint: s.Hint, Shared: true,
	}, true
}

// recent takes no clock's word alone: neither may say that it is older.
func (d *Directory) recent(at stamp) bool {
	wall, boot, booted := d.clock.since(at)
	if wall < -clockNoise || wall > refusalAge {
		return false
	}
	return !booted || boot >= 0 && boot <= refusalAge
}

// Record writes a refusal beside the entry of key. Only what the provider refused
// finally is taken; anything else is an error of the caller.
func (r *Refusals) Record(ctx context.Context, key string, e *exchange.Error) error {
	if err := errors.Join(ctx.Err(), checkKey(key)); err != nil {
		return err
	}
	if e == nil || e.Cause != exchange.Refused {
		return storageError("refusal", errNotRefused)
	}
	now := r.dir.clock.now()
	data, err := seal(storedRefusal{
		Key: key, At: now.Wall.UTC(), Boot: int64(now.Boot), BootID: now.BootID,
		Provider: e.Provider, Step: e.Step, Cause: string(e.Cause), Status: e.Status, Code: e.Code,
		Description: e.Description, RequestID: e.RequestID, Hint: e.Hint,
	})
	if err != nil || len(data) > maxDocument {
		return storageError("refusal", errors.Join(err, ErrTooLarge))
	}
	dir, err := r.dir.open()
	if err != nil {
		return storageError("refusal", err)
	}
	defer dir.Close()
	return storageError("refusal", replace(dir, key+refusalSuffix, data))
}

var errNotRefused = errors.New("not a final refusal")
