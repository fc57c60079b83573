package output

import "time"

// Entry is one cached credential as `status` tells of it; it holds no secret.
type Entry struct {
	Profile, Provider string
	Store             string // file, keyring
	Key               string // a digest, cut to 12 hex digits
	Identity          string // a digest, cut to 12 hex digits
	IssuedAt          time.Time
	ExpiresAt         time.Time
	Fresh             bool // `token` would hand it out now
	Scope             string
	RequestID         string
}

type entryShape struct {
	Profile   *string `json:"profile"`
	Provider  string  `json:"provider"`
	Store     string  `json:"store"`
	Key       string  `json:"key"`
	Identity  *string `json:"identity"`
	IssuedAt  *string `json:"issued_at"`
	ExpiresAt *string `json:"expires_at"`
	Remaining *int64  `json:"remaining_seconds"`
	Fresh     bool    `json:"fresh"`
	Scope     *string `json:"scope"`
	RequestID *string `json:"request_id"`
}

// StatusJSON is what `status --format json` prints.
func StatusJSON(entries []Entry, now time.Time) ([]byte, error) {
	shape := struct {
		Entries []entryShape `json:"entries"`
	}{make([]entryShape, 0, len(entries))}
	for _, e := range entries {
		shape.Entries = append(shape.Entries, entryShape{
			Profile: known(e.Profile), Provider: e.Provider, Store: e.Store, Key: e.Key, Identity: known(e.Identity),
			IssuedAt: stamp(e.IssuedAt), ExpiresAt: stamp(e.ExpiresAt), Remaining: left(e.ExpiresAt, now),
			Fresh: e.Fresh, Scope: known(e.Scope), RequestID: known(e.RequestID),
		})
	}
	return JSON(shape)
}
