package cache

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"
)

// keyringLimit is in bytes, for one item. The Secret Service names no limit; the
// smallest of the others is 2,560, and this leaves room for any token seen.
const keyringLimit = 4096

const (
	busVariable = "DBUS_SESSION_BUS_ADDRESS"
	// secretService is the well-known name of the Secret Service API, draft 0.2.
	secretService = "org.freedesktop.secrets"
)

// reachable looks for a session bus that is there already. The client library
// starts one with dbus-launch when it finds none, and that stays for ever; so it
// must not be called before. With running the service must be there too, else the
// bus would start it.
func reachable(ctx context.Context, getenv func(string) string, running bool) error {
	address, err := busAddress(getenv)
	if err != nil {
		return err
	}
	// The library knows no other way to be told.
	if err := os.Setenv(busVariable, address); err != nil {
		return err
	}
	conn, err := dbus.Dial(address)
	if err != nil {
		return fmt.Errorf("the session bus cannot be reached: %w", ErrUnavailable)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := conn.Auth(nil); err != nil {
		return fmt.Errorf("the session bus refuses us: %w", ErrUnavailable)
	}
	if err := conn.Hello(); err != nil {
		return fmt.Errorf("the session bus does not answer: %w", ErrUnavailable)
	}
	if !running {
		return nil
	}
	var owned bool
	if err := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, secretService).Store(&owned); err != nil {
		return fmt.Errorf("the session bus does not answer: %w", ErrUnavailable)
	}
	if !owned {
		return fmt.Errorf("no keyring runs on the session bus: %w", ErrUnavailable)
	}
	return nil
}

// busAddress is where the session bus is: the variable, or the socket that
// systemd puts into the user's runtime directory. Only Unix sockets are taken: the
// other transports go over a network in clear, or start a program.
func busAddress(getenv func(string) string) (string, error) {
	address := strings.TrimSpace(getenv(busVariable))
	if address == "" || strings.HasPrefix(address, "autolaunch:") {
		for _, dir := range []string{getenv("XDG_RUNTIME_DIR"), "/run/user/" + strconv.Itoa(os.Getuid())} {
			path := filepath.Join(dir, "bus")
			if info, err := os.Stat(path); filepath.IsAbs(dir) && err == nil && info.Mode().Type() == os.ModeSocket {
				return "unix:path=" + dbus.EscapeBusAddressValue(path), nil
			}
		}
		return "", fmt.Errorf("there is no session bus (%s is not set): %w", busVariable, ErrUnavailable)
	}
	for _, one := range strings.Split(address, ";") {
		if !strings.HasPrefix(one, "unix:") {
			return "", fmt.Errorf("%s is not the address of a unix socket: %w", busVariable, ErrUnavailable)
		}
	}
	return address, nil
}

// interrupt closes the library's connection: the call that waits on it ends with
// an error, and the next one connects anew.
func interrupt() {
	if conn, err := dbus.SessionBus(); err == nil {
		_ = conn.Close()
	}
}
