package cache

import "github.com/zalando/go-keyring"

// systemKeyring is the keyring of this platform.
type systemKeyring struct{}

func (systemKeyring) Get(service, user string) (string, error) { return keyring.Get(service, user) }
func (systemKeyring) Set(service, user, secret string) error {
	return keyring.Set(service, user, secret)
}
func (systemKeyring) Delete(service, user string) error { return keyring.Delete(service, user) }
func (systemKeyring) DeleteAll(service string) error    { return keyring.DeleteAll(service) }

// Interrupt ends a call that hangs, where that can be done.
func (systemKeyring) Interrupt() { interrupt() }
