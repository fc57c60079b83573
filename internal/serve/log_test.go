//go:build unix

package serve_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/serve"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

// withLogs is a world whose hub writes an audit log and an access log.
func withLogs(t *testing.T) (w *world, audit, access string) {
	t.Helper()
	dir := t.TempDir()
	audit, access = filepath.Join(dir, "audit"), filepath.Join(dir, "access")
	w = newWorld(t)
	a, err := serve.OpenLog(audit, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	b, err := serve.OpenLog(access, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	w.hub.Audit(a)
	w.hub.Access(b)
	t.Cleanup(w.hub.Close)
	return w, audit, access
}

// lines are the objects of a log.
func lines(t *testing.T, file string) (list []map[string]any) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		require.True(t, strings.HasSuffix(line, "}\n"), "a line is whole: %q", line)
		for _, c := range []byte(line) {
			require.True(t, c == '\n' || c >= ' ' && c < 0x7f, "printable ASCII alone: %q", line)
		}
		var one map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &one), line)
		list = append(list, one)
	}
	return list
}

func TestAuditLog(t *testing.T) {
	t.Parallel()
	w, audit, _ := withLogs(t)
	w.start()
	w.awaitReady()
	require.NoError(t, w.end())
	got := lines(t, audit)
	require.Len(t, got, 3)
	for i, event := range []string{"mint", "exchange", "refresh"} {
		assert.Equal(t, event, got[i]["event"])
		assert.Equal(t, "ok", got[i]["outcome"])
		assert.Equal(t, "p", got[i]["profile"])
		assert.Equal(t, "fdrl_1", got[i]["rule"])
		assert.Equal(t, "svac_1", got[i]["service_account"])
		for _, field := range []string{"time", "provider", "class", "workspace", "subject", "audience", "jti_sha256", "request_id", "lifetime_seconds"} {
			assert.Contains(t, got[i], field, "what an event does not have is null")
		}
	}
	assert.Equal(t, "repo:o/r", got[0]["subject"])
	assert.Equal(t, strings.Repeat("ab", 32), got[1]["jti_sha256"])
	assert.Equal(t, "req_1", got[1]["request_id"])
	assert.EqualValues(t, 3600, got[2]["lifetime_seconds"])
	assert.Nil(t, got[0]["lifetime_seconds"])
	info, err := os.Stat(audit)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestAuditLogOfARefusal(t *testing.T) {
	t.Parallel()
	w, audit, _ := withLogs(t)
	w.fail(errRefused)
	require.Error(t, w.try())
	var events []string
	for _, line := range lines(t, audit) {
		events = append(events, fmt.Sprint(line["event"], " ", line["outcome"], " ", line["class"]))
	}
	assert.Equal(t, []string{"mint ok <nil>", "exchange failed refused", "refusal failed refused", "refresh failed refused"}, events)
}

func TestAuditLogOfOddText(t *testing.T) {
	t.Parallel()
	w, audit, _ := withLogs(t)
	const odd = "repo:a\u202e/\u2028\x1b[31m\x7fé😀"
	w.hub.Source(serve.Account{Profile: "p"})(tokensource.Event{Kind: "mint", Assertion: exchange.Assertion{Subject: odd}})
	got := lines(t, audit) // which looks for bytes that steer a terminal
	require.Len(t, got, 1)
	assert.Equal(t, odd, got[0]["subject"])
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	const word = "0123456789abcdefXYZ"
	key, err := proxy.NewKey(secret.New(word))
	require.NoError(t, err)
	w, _, access := withLogs(t)
	w.start(func(o *serve.Options) { o.Key = key })
	w.awaitReady()
	w.message(w.url() + "/" + word)
	w.message(w.url() + "/" + word[:len(word)-1])
	w.get(w.url() + "/health?token=canary")
	raw := `GET /v1/models` + "?key=canary HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + word + "\r\nConnection: close\r\n\r\n"
	conn, err := net.Dial("tcp", w.ready.Listeners[0].Address)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte(raw))
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.NoError(t, w.end())

	data, err := os.ReadFile(access)
	require.NoError(t, err)
	assert.NotContains(t, string(data), word[:12], "the key segment is never logged")
	assert.NotContains(t, string(data), "canary", "nor is the query")
	got := lines(t, access)
	require.Len(t, got, 4)
	var seen []string // in the order in which they ended, which is not that of the answers
	for _, l := range got {
		seen = append(seen, fmt.Sprint(l["method"], " ", l["path"], " ", l["status"]))
		for _, field := range []string{"time", "profile", "bytes_in", "bytes_out", "duration_ms", "request_id"} {
			assert.Contains(t, l, field)
		}
	}
	assert.ElementsMatch(t, []string{
		"POST /v1/messages 200", "POST /(hidden)/v1/messages 401", "GET /health 200", "GET /v1/models 200",
	}, seen, "refused requests have a line too")
	message := got[slices.Index(seen, "POST /v1/messages 200")]
	assert.EqualValues(t, len(question), message["bytes_in"])
	assert.NotZero(t, message["bytes_out"])
}

func TestALogIsOpenedAnewAfterARotation(t *testing.T) {
	t.Parallel()
	w, _, access := withLogs(t)
	w.start(func(o *serve.Options) {
		o.Reload = reloadWith(w.plan)
	})
	w.awaitReady()
	w.get(w.url() + "/health")
	require.Eventually(t, func() bool { return len(lines(t, access)) == 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, os.Rename(access, access+".1"))
	w.reload()
	w.get(w.url() + "/health")
	require.NoError(t, w.end())
	assert.Len(t, lines(t, access+".1"), 1)
	assert.Len(t, lines(t, access), 1)
}

// A log that was rotated is opened anew although the configuration cannot be read;
// one that cannot be opened stays, and the configuration is taken up all the same.
func TestLogsAndConfigurationAreReloadedApart(t *testing.T) {
	t.Parallel()
	w, _, access := withLogs(t)
	var broken error
	w.start(func(o *serve.Options) {
		o.Reload = func(ctx context.Context) (serve.Plan, error) {
			if broken != nil {
				return serve.Plan{}, broken
			}
			return w.plan(), nil
		}
	})
	w.awaitReady()
	require.NoError(t, os.Rename(access, access+".1"))
	broken = errors.New("line 3: tabs")
	w.reload()
	assert.FileExists(t, access)
	require.NoError(t, os.Remove(access))
	require.NoError(t, os.Mkdir(access, 0o700))
	broken = nil
	w.reload()
	assert.Contains(t, w.log.String(), "a log cannot be opened anew")
	assert.Contains(t, w.log.String(), "msg=reloaded")
}

func TestLogsThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(dir, "target"), filepath.Join(dir, "link")))
	makeFIFO(t, filepath.Join(dir, "fifo"))
	for _, name := range []string{"link", "fifo", "no/such/folder", "."} {
		_, err := serve.OpenLog(filepath.Join(dir, name), nil, nil)
		assert.Error(t, err, name)
	}
	_, err := os.Stat(filepath.Join(dir, "target"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestADiskThatIsFullCostsLinesOnly(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full")
	}
	defer full.Close()
	w := newWorld(t)
	access, err := serve.OpenLog("-", full, slog.New(slog.NewTextHandler(w.log, nil)))
	require.NoError(t, err)
	w.hub.Access(access)
	w.start()
	for range 5 {
		status, _ := w.get(w.url() + "/health")
		assert.Contains(t, []int{200, 503}, status)
		access.Flush()
	}
	require.Eventually(t, func() bool { return strings.Contains(w.log.String(), "lost") }, 10*time.Second, time.Millisecond)
	assert.Equal(t, 1, strings.Count(w.log.String(), "lines of a log were lost"))
}
