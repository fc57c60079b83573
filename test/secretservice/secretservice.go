// Package secretservice is a keyring for tests: it speaks the Secret Service API
// (freedesktop.org, draft 0.2) on a session bus as far as keyring clients use it,
// keeps items in memory, and can be locked, slow, dead or wrong.
package secretservice

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

// Behaviour is what is wrong with the keyring.
type Behaviour string

// The behaviours.
const (
	Good    Behaviour = "good"
	Locked  Behaviour = "locked"  // it cannot be unlocked
	Prompt  Behaviour = "prompt"  // it asks somebody who is not there
	Slow    Behaviour = "slow"    // every answer takes 30 s
	Dies    Behaviour = "dies"    // its process ends in the call
	Garbage Behaviour = "garbage" // answers have other types than agreed
)

const (
	name       = "org.freedesktop.secrets"
	root       = dbus.ObjectPath("/org/freedesktop/secrets")
	login      = root + "/collection/login"
	session    = root + "/session/s1"
	prompt     = root + "/prompt/p1"
	service    = "org.freedesktop.Secret.Service"
	collection = "org.freedesktop.Secret.Collection"
	itemType   = "org.freedesktop.Secret.Item"
)

type secret struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

type item struct {
	attributes map[string]string
	secret     secret
}

type keyring struct {
	how Behaviour

	mu    sync.Mutex
	items map[dbus.ObjectPath]item
	next  int
}

// Run serves on the bus at address until ctx ends; ready is called when it does.
func Run(ctx context.Context, address string, how Behaviour, ready func()) error {
	conn, err := dbus.Connect(address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	k := &keyring{how: how, items: map[dbus.ObjectPath]item{}}
	for _, export := range []struct {
		path    dbus.ObjectPath
		iface   string
		subtree bool
		methods map[string]any
	}{
		{root, service, false, map[string]any{"OpenSession": k.openSession, "Unlock": k.unlock}},
		{root, "org.freedesktop.DBus.Properties", false, map[string]any{"Get": k.property}},
		{session, "org.freedesktop.Secret.Session", false, map[string]any{"Close": func() *dbus.Error { return nil }}},
		{prompt, "org.freedesktop.Secret.Prompt", false, map[string]any{"Prompt": func(string) *dbus.Error { return nil }}},
		{login, collection, false, map[string]any{"SearchItems": k.search, "CreateItem": k.create}},
		{login, itemType, true, map[string]any{"GetSecret": k.get, "Delete": k.remove}},
	} {
		if export.subtree {
			err = conn.ExportSubtreeMethodTable(export.methods, export.path, export.iface)
		} else {
			err = conn.ExportMethodTable(export.methods, export.path, export.iface)
		}
		if err != nil {
			return err
		}
	}
	reply, err := conn.RequestName(name, dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		return fmt.Errorf("the name %s is taken: %w", name, err)
	}
	ready()
	<-ctx.Done()
	return nil
}

// misbehave is what every call does first.
func (k *keyring) misbehave() {
	switch k.how {
	case Slow:
		<-time.After(30 * time.Second)
	case Dies:
		os.Exit(9)
	case Good, Locked, Prompt, Garbage:
	}
}

func (k *keyring) property(string, string) (dbus.Variant, *dbus.Error) {
	k.misbehave()
	if k.how == Garbage {
		return dbus.MakeVariant(uint32(7)), nil
	}
	return dbus.MakeVariant([]dbus.ObjectPath{login}), nil
}

func (k *keyring) openSession(string, dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	k.misbehave()
	return dbus.MakeVariant(""), session, nil
}

func (k *keyring) unlock(paths []dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	k.misbehave()
	switch k.how {
	case Locked:
		return []dbus.ObjectPath{}, "/", nil
	case Prompt:
		return []dbus.ObjectPath{}, prompt, nil
	case Good, Slow, Dies, Garbage:
	}
	return paths, "/", nil
}

func (k *keyring) search(want map[string]string) ([]dbus.ObjectPath, *dbus.Error) {
	k.misbehave()
	k.mu.Lock()
	defer k.mu.Unlock()
	found := []dbus.ObjectPath{}
	for path, i := range k.items {
		if matches(i.attributes, want) {
			found = append(found, path)
		}
	}
	return found, nil
}

func matches(have, want map[string]string) bool {
	for name, value := range want {
		if have[name] != value {
			return false
		}
	}
	return true
}

func (k *keyring) create(properties map[string]dbus.Variant, s secret, replace bool) (dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	k.misbehave()
	attributes, _ := properties[itemType+".Attributes"].Value().(map[string]string)
	k.mu.Lock()
	defer k.mu.Unlock()
	for path, i := range k.items {
		if replace && maps.Equal(i.attributes, attributes) {
			k.items[path] = item{attributes, s}
			return path, "/", nil
		}
	}
	k.next++
	path := login + dbus.ObjectPath(fmt.Sprintf("/%d", k.next))
	k.items[path] = item{attributes, s}
	return path, "/", nil
}

func (k *keyring) get(m dbus.Message, _ dbus.ObjectPath) (secret, *dbus.Error) {
	k.misbehave()
	k.mu.Lock()
	defer k.mu.Unlock()
	i, ok := k.items[pathOf(m)]
	if !ok {
		return secret{}, dbus.NewError("org.freedesktop.Secret.Error.NoSuchObject", nil)
	}
	i.secret.Session = session
	return i.secret, nil
}

func (k *keyring) remove(m dbus.Message) (dbus.ObjectPath, *dbus.Error) {
	k.misbehave()
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.items, pathOf(m))
	return "/", nil
}

func pathOf(m dbus.Message) dbus.ObjectPath {
	path, _ := m.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	return dbus.ObjectPath(strings.TrimSpace(string(path)))
}
