package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

// maxDocument bounds what is read and written: a bearer token is at most 16 KiB.
const maxDocument = 64 << 10

// Every file is one line: a version, which keyFormat goes with, a digest of the
// body's bytes, so that a flipped bit anywhere makes the file absent, and the body.
// It is read as it was written, to the byte.
const (
	beforeDigest = `{"version":1,"sha256":"`
	beforeBody   = `","body":`
	afterBody    = "}\n"
)

func seal(body any) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	return []byte(beforeDigest + hex.EncodeToString(sum[:]) + beforeBody + string(raw) + afterBody), nil
}

// unseal gives the body of a document that is whole and of our version.
func unseal(data []byte) (body []byte, ok bool) {
	const digest = 2 * sha256.Size
	data, ok = bytes.CutPrefix(data, []byte(beforeDigest))
	if !ok || len(data) < digest {
		return nil, false
	}
	want := string(data[:digest])
	if data, ok = bytes.CutPrefix(data[digest:], []byte(beforeBody)); !ok {
		return nil, false
	}
	if body, ok = bytes.CutSuffix(data, []byte(afterBody)); !ok {
		return nil, false
	}
	sum := sha256.Sum256(body)
	return body, hex.EncodeToString(sum[:]) == want
}

// storedEntry is a record as it is written. Times are RFC 3339 in UTC.
type storedEntry struct {
	Key       string      `json:"key"`
	Provider  string      `json:"provider"`
	Profile   string      `json:"profile,omitempty"`
	Identity  string      `json:"identity,omitempty"`
	Kind      string      `json:"kind"`
	Token     string      `json:"token,omitempty"`
	AWS       *storedKeys `json:"aws,omitempty"`
	IssuedAt  time.Time   `json:"issued_at"`
	ExpiresAt time.Time   `json:"expires_at"`
	Boot      int64       `json:"boot_ns,omitempty"` // of issued_at, since boot
	BootID    string      `json:"boot_id,omitempty"`
	Scope     string      `json:"scope,omitempty"`
	RequestID string      `json:"request_id,omitempty"`
}

type storedKeys struct {
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
	SessionToken    string `json:"session_token"`
}

func (r record) encode() ([]byte, error) {
	e := storedEntry{
		Key: r.key, Provider: r.cred.Provider, Profile: r.label.Profile, Identity: r.label.Identity,
		Kind: string(r.cred.Kind), Token: r.cred.Token.Reveal(),
		IssuedAt: r.cred.IssuedAt.UTC(), ExpiresAt: r.cred.ExpiresAt.UTC(),
		Boot: int64(r.at.Boot), BootID: r.at.BootID,
		Scope: r.cred.Scope, RequestID: r.cred.RequestID,
	}
	if k := r.cred.AWS; k != nil {
		e.AWS = &storedKeys{k.AccessKeyID.Reveal(), k.SecretAccessKey.Reveal(), k.SessionToken.Reveal()}
	}
	if !e.sound() {
		return nil, errUnsound
	}
	return seal(e)
}

// decodeRecord gives the record in data if it is whole and is what key names.
func decodeRecord(data []byte, key string) (record, bool) {
	body, ok := unseal(data)
	if !ok {
		return record{}, false
	}
	e, ok := readEntry(body)
	if !ok || e.Key != key || !e.sound() {
		return record{}, false
	}
	c := exchange.Credential{
		Provider: e.Provider, Kind: exchange.Kind(e.Kind), Token: secret.New(e.Token),
		IssuedAt: e.IssuedAt, ExpiresAt: e.ExpiresAt, Scope: e.Scope, RequestID: e.RequestID,
	}
	if k := e.AWS; k != nil {
		c.AWS = &exchange.AWSKeys{
			AccessKeyID: secret.New(k.AccessKeyID), SecretAccessKey: secret.New(k.SecretAccessKey),
			SessionToken: secret.New(k.SessionToken),
		}
	}
	return record{
		key:   key,
		label: Label{Provider: e.Provider, Profile: e.Profile, Identity: e.Identity},
		cred:  c,
		at:    stamp{Wall: e.IssuedAt, Boot: time.Duration(e.Boot), BootID: e.BootID},
	}, true
}

// sound reports whether the entry holds a credential that may be handed out.
func (e storedEntry) sound() bool {
	switch exchange.Kind(e.Kind) {
	case exchange.Bearer:
		return e.AWS == nil && isToken(e.Token)
	case exchange.AWS:
		return e.Token == "" && e.AWS != nil && isToken(e.AWS.AccessKeyID) && isToken(e.AWS.SecretAccessKey) &&
			(e.AWS.SessionToken == "" || isToken(e.AWS.SessionToken))
	}
	return false
}

// isToken accepts RFC 6750's b64token characters, the only ones that are safe in
// a header, a shell and a terminal alike. AWS keys use a subset of them.
func isToken(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._~+/=", r)
	}) < 0
}
