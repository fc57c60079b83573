package cache_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/clock"
	"github.com/awf-cred/awf-cred/pkg/cache"
	"github.com/awf-cred/awf-cred/test/secretservice"
)

func useKeyring(ctx context.Context, verb string, args []string) error {
	k, err := cache.NewKeyring(ctx, cache.KeyringOptions{
		Clock: clock.System{}, Label: label(), Getenv: os.Getenv, Running: verb == "auto", Wait: time.Second,
	})
	if err != nil {
		return err
	}
	switch verb {
	case "put":
		return k.Put(ctx, key, granted(args[0]))
	case "delete":
		return k.Delete(ctx, key)
	case "clear":
		return k.Clear(ctx)
	}
	c, ok, err := k.Get(ctx, key)
	if err != nil {
		return err
	}
	fmt.Println(ok, c.Token.Reveal())
	return nil
}

// keyringCall runs a process that uses the keyring at address.
func keyringCall(t *testing.T, env []string, args ...string) (string, error) {
	t.Helper()
	cmd := self(t, append([]string{"keyring"}, args...)...)
	cmd.Env = append(cmd.Env, "DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR=")
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func startKeyring(t *testing.T, how secretservice.Behaviour) (env []string) {
	t.Helper()
	address := secretservice.StartBus(t)
	secretservice.Start(t, self(t, "secretservice", address, string(how)))
	return []string{"DBUS_SESSION_BUS_ADDRESS=" + address}
}

func TestTheSystemsKeyringKeepsACredential(t *testing.T) {
	t.Parallel()
	env := startKeyring(t, secretservice.Good)
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"get"}, "false \n"},
		{[]string{"put", "one"}, ""},
		{[]string{"put", "two"}, ""},
		{[]string{"get"}, "true two\n"},
		{[]string{"auto"}, "true two\n"},
		{[]string{"delete"}, ""},
		{[]string{"delete"}, ""},
		{[]string{"get"}, "false \n"},
		{[]string{"put", "three"}, ""},
		{[]string{"clear"}, ""},
		{[]string{"clear"}, ""},
		{[]string{"get"}, "false \n"},
	} {
		out, err := keyringCall(t, env, step.args...)
		require.NoError(t, err, out)
		assert.Equal(t, step.want, out, "%v", step.args)
	}
}

func TestAKeyringThatIsInNoStateToAnswerIsReportedInTime(t *testing.T) {
	t.Parallel()
	for how, want := range map[secretservice.Behaviour]string{
		secretservice.Locked: "failed to unlock", secretservice.Prompt: "no answer within 1s", secretservice.Slow: "no answer within 1s",
		secretservice.Dies: "not available", secretservice.Garbage: "makes no sense",
	} {
		t.Run("F171, F172: "+string(how), func(t *testing.T) {
			t.Parallel()
			out, err := keyringCall(t, startKeyring(t, how), "get")
			require.Error(t, err)
			assert.Contains(t, out, want)
			assert.Equal(t, 1, strings.Count(out, "\n"), out)
		})
	}
}

// The client library would start a bus that stays for ever, by dbus-launch.
func TestNoSessionBusIsEverStarted(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	mark := filepath.Join(bin, "mark")
	script := "#!/bin/sh\necho called >" + mark + "\necho DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "dbus-launch"), []byte(script), 0o755))
	for name, address := range map[string]string{
		"no address": "", "autolaunch": "autolaunch:", "autolaunch with a scope": "autolaunch:scope=*user",
		"a program": "unixexec:path=" + filepath.Join(bin, "dbus-launch"), "a socket of nobody": "unix:path=" + filepath.Join(bin, "none"),
		"a network": "tcp:host=127.0.0.1,port=1",
	} {
		for _, verb := range []string{"get", "auto"} {
			out, err := keyringCall(t, []string{"PATH=" + bin, "DBUS_SESSION_BUS_ADDRESS=" + address}, verb)
			require.Error(t, err, name)
			assert.Contains(t, out, "not available", name)
			assert.NoFileExists(t, mark, name)
		}
	}
}

func TestABusWithoutAKeyringIsNotAskedToStartOne(t *testing.T) {
	t.Parallel()
	env := []string{"DBUS_SESSION_BUS_ADDRESS=" + secretservice.StartBus(t)}
	out, err := keyringCall(t, env, "auto")
	require.Error(t, err)
	assert.Contains(t, out, "no keyring runs")
	out, err = keyringCall(t, env, "get")
	require.Error(t, err, "an explicit choice asks the bus, which knows none")
	assert.Contains(t, out, "not available")
}

func TestTheSocketInTheRuntimeDirectoryIsFound(t *testing.T) {
	t.Parallel()
	env := startKeyring(t, secretservice.Good)
	address := strings.TrimPrefix(env[0], "DBUS_SESSION_BUS_ADDRESS=unix:path=")
	socket, _, _ := strings.Cut(address, ",")
	out, err := keyringCall(t, []string{"XDG_RUNTIME_DIR=" + filepath.Dir(socket)}, "auto")
	require.NoError(t, err, out)
	assert.Equal(t, "false \n", out)
}

// Where a real keyring daemon is installed, it is tried too.
func TestGnomeKeyring(t *testing.T) {
	t.Parallel()
	daemon, err := exec.LookPath("gnome-keyring-daemon")
	if err != nil {
		t.Skip("needs gnome-keyring-daemon")
	}
	home := t.TempDir()
	env := []string{"DBUS_SESSION_BUS_ADDRESS=" + secretservice.StartBus(t), "HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_RUNTIME_DIR=" + home}
	cmd := exec.Command(daemon, "--unlock", "--foreground", "--components=secrets")
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin = strings.NewReader("password\n")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	require.Eventually(t, func() bool {
		out, err := keyringCall(t, env, "auto")
		return err == nil && out == "false \n"
	}, 20*time.Second, 100*time.Millisecond)
	out, err := keyringCall(t, env, "put", "token")
	require.NoError(t, err, out)
	out, err = keyringCall(t, env, "get")
	require.NoError(t, err, out)
	assert.Equal(t, "true token\n", out)
}
