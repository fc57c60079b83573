package cache

import (
	"encoding/json"
	"time"

	"github.com/awf-cred/awf-cred/internal/strictjson"
)

// readEntry is what json.Unmarshal would do, without the look at the struct's
// fields by reflection, which costs more than the rest of a cache hit's decoding.
func readEntry(body []byte) (storedEntry, bool) {
	m, err := strictjson.Object(body)
	if err != nil {
		return storedEntry{}, false
	}
	r := members{Map: m, sound: true}
	e := storedEntry{
		Key: r.text("key"), Provider: r.text("provider"), Profile: r.text("profile"), Identity: r.text("identity"),
		Kind: r.text("kind"), Token: r.text("token"),
		IssuedAt: r.time("issued_at"), ExpiresAt: r.time("expires_at"),
		Boot: r.number("boot_ns"), BootID: r.text("boot_id"),
		Scope: r.text("scope"), RequestID: r.text("request_id"),
	}
	if keys, ok := m["aws"].(strictjson.Map); ok {
		k := members{Map: keys, sound: true}
		e.AWS = &storedKeys{k.text("access_key_id"), k.text("secret_access_key"), k.text("session_token")}
		r.sound = r.sound && k.sound
	} else if m["aws"] != nil {
		return storedEntry{}, false
	}
	return e, r.sound
}

// members reads the members of an object; one of another type makes it unsound,
// one that is absent is zero.
type members struct {
	strictjson.Map
	sound bool
}

func (r *members) text(name string) string {
	v, present := r.Map[name]
	s, ok := v.(string)
	r.sound = r.sound && (ok || !present)
	return s
}

func (r *members) number(name string) int64 {
	v, present := r.Map[name]
	if !present {
		return 0
	}
	n, ok := v.(json.Number)
	i, err := n.Int64()
	r.sound = r.sound && ok && err == nil
	return i
}

func (r *members) time(name string) (t time.Time) {
	if s := r.text(name); s != "" {
		r.sound = t.UnmarshalText([]byte(s)) == nil && r.sound
	}
	return t
}
