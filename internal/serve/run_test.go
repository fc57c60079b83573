//go:build unix

package serve_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/awf-cred/awf-cred/internal/proxy"
	"github.com/awf-cred/awf-cred/internal/sandbox"
	"github.com/awf-cred/awf-cred/internal/serve"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		http.DefaultClient.CloseIdleConnections()
		os.Exit(code)
	}), goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

func TestARequestGetsTheCredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t).start()
	status, body := w.message(w.url(), "x-api-key", "sk-ant-of-the-client")
	require.Equal(t, 200, status, body)
	seen := w.sb.Requests(sandbox.Messages)
	require.Len(t, seen, 1)
	assert.NotContains(t, strings.ToLower(string(seen[0].Head)), "of-the-client")
	assert.Contains(t, w.log.String(), "every process and user of this machine")
	assert.NoError(t, w.end())
}

func TestReadyFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ready.json")
	w := newWorld(t).start(func(o *serve.Options) { o.ReadyFile, o.GeneratedKey = file, secret.New("k") })
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	got, err := serve.ParseReady(data)
	require.NoError(t, err)
	assert.Equal(t, w.ready, got)
	assert.Equal(t, os.Getpid(), got.PID)
	assert.Equal(t, "k", *got.ClientKey)
	assert.Equal(t, "http://"+got.Listeners[0].Address, *got.Listeners[0].URL)
	var shape map[string]any
	require.NoError(t, json.Unmarshal(data, &shape))
	assert.Nil(t, shape["credentials_endpoint"])
	assert.Contains(t, shape, "credentials_endpoint", "what is absent is null")
	require.NoError(t, w.end())
	_, err = os.Stat(file)
	assert.ErrorIs(t, err, os.ErrNotExist, "it is removed at the end")
}

func TestReadyDescriptor(t *testing.T) {
	t.Parallel()
	r, pw, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	fd := inheritable(t, pw)
	newWorld(t).start(func(o *serve.Options) { o.ReadyFD = fd })
	var got serve.Ready
	require.NoError(t, json.NewDecoder(r).Decode(&got))
	assert.Len(t, got.Listeners, 1)
}

func TestWhatCannotStart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	dir := t.TempDir()
	regular := filepath.Join(dir, "regular")
	require.NoError(t, os.WriteFile(regular, []byte("precious"), 0o600))
	fifo := filepath.Join(dir, "fifo")
	makeFIFO(t, fifo)
	live, err := net.Listen("unix", filepath.Join(dir, "live"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = live.Close() })
	listen := func(address string) func(*serve.Options) {
		return func(o *serve.Options) { o.Plan.Listeners[0].Listen = address }
	}
	for _, tc := range []struct {
		name   string
		change func(*serve.Options)
		class  exchange.Cause
		says   string
	}{
		{"F144: a port in use", listen(taken.Addr().String()), exchange.Proxy, "in use"},
		{"F144: an address that is not ours", func(o *serve.Options) {
			o.Plan.Listeners[0].Listen, o.AllowRemote = "192.0.2.1:0", true
			o.Key, _ = proxy.NewKey(secret.New("0123456789abcdef"))
		}, exchange.Proxy, "192.0.2.1"},
		{"F144: a path that is too long", listen("unix:" + filepath.Join(dir, strings.Repeat("x", 120))), exchange.Proxy, "bytes"},
		{"F144: a socket on which somebody listens", listen("unix:" + live.Addr().String()), exchange.Proxy, "another process listens"},
		{"F144: a regular file in the place of a socket", listen("unix:" + regular), exchange.Proxy, "left alone"},
		{"an address without a port", listen("127.0.0.1"), exchange.Usage, "HOST:PORT"},
		{"T10: another address", listen("0.0.0.0:0"), exchange.Usage, "--allow-remote"},
		{"T10: another address without a key", func(o *serve.Options) { o.Plan.Listeners[0].Listen, o.AllowRemote = "0.0.0.0:0", true }, exchange.Usage, "client key"},
		{"T10: the admin listener on another address", func(o *serve.Options) { o.Admin = "0.0.0.0:0" }, exchange.Usage, "--allow-remote"},
		{"F145: an admin port in use", func(o *serve.Options) { o.Admin = taken.Addr().String() }, exchange.Proxy, "in use"},
		{"F145: a ready file in a folder that is not there", func(o *serve.Options) { o.ReadyFile = filepath.Join(dir, "no", "file") }, exchange.Storage, "ready file"},
		{"F145: a FIFO without a reader as ready file", func(o *serve.Options) { o.ReadyFile = fifo }, exchange.Storage, "ready file"},
		{"F145: a closed ready descriptor", func(o *serve.Options) { o.ReadyFD = 987 }, exchange.Storage, "ready descriptor 987"},
		{"a sink that cannot work", func(o *serve.Options) {
			o.Sinks = []serve.Sink{{Profile: "p", Name: "token:/x", Check: func() error { return os.ErrPermission }}}
		}, exchange.Storage, "token:/x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			err := w.try(tc.change)
			requireClass(t, err, tc.class)
			assert.ErrorContains(t, err, tc.says)
			assert.Zero(t, w.exchanges.Load(), "nothing was started")
		})
	}
	t.Cleanup(func() {
		data, err := os.ReadFile(regular)
		require.NoError(t, err)
		assert.Equal(t, "precious", string(data))
	})
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	require.NoError(t, err)
	stale.SetUnlinkOnClose(false)
	require.NoError(t, stale.Close()) // F144: a socket of ours on which nobody listens is replaced
	w := newWorld(t).start(func(o *serve.Options) { o.Plan.Listeners[0].Listen = "unix:" + path })
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	assert.Equal(t, "unix:"+path, w.ready.Listeners[0].Address)
	assert.Nil(t, w.ready.Listeners[0].URL)
	req, err := http.NewRequest(http.MethodPost, "http://localhost/v1/messages", strings.NewReader(question))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	status, body := w.do(over(path), req)
	assert.Equal(t, 200, status, body)
	require.NoError(t, w.end())
	_, err = os.Stat(path)
	assert.ErrorIs(t, err, os.ErrNotExist, "the file is removed at the end")
}

func TestAFirstRefusalEndsTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail(errRefused)
	err := w.try(func(*serve.Options) {})
	requireClass(t, err, exchange.Refused)
}

func TestReadinessIsTruthful(t *testing.T) {
	t.Parallel()
	var states []string
	said := make(chan string, 8)
	w := newWorld(t)
	w.clock = fastClock{time.Now(), 50}
	w.fail(errDown)
	w.start(func(o *serve.Options) {
		o.Notify = func(s string) { said <- s }
		o.Plan.Listeners[0].Policy.StartupTimeout = time.Millisecond
	})
	status, _ := w.get(*w.ready.Admin + "/readyz")
	assert.Equal(t, 503, status)
	status, body := w.get(w.url() + "/health")
	assert.Equal(t, 503, status, body)
	status, _ = w.get(*w.ready.Admin + "/livez")
	assert.Equal(t, 200, status)
	status, body = w.message(w.url())
	assert.Equal(t, 503, status, "a request waits for the startup timeout, then gets 503: "+body)
	assert.Contains(t, body, `"retryable":true`)
	w.fail(nil)
	w.awaitReady()
	status, body = w.get(w.url() + "/health")
	assert.Equal(t, 200, status, "before any request was served: "+body)
	status, body = w.message(w.url())
	assert.Equal(t, 200, status, body)
	require.NoError(t, w.end())
	close(said)
	for s := range said {
		states = append(states, strings.SplitN(s, "\n", 2)[0])
	}
	assert.Equal(t, []string{"READY=1", "STOPPING=1"}, states)
}

func TestAdminListener(t *testing.T) {
	t.Parallel()
	w := newWorld(t).start()
	w.awaitReady()
	admin := *w.ready.Admin
	for _, path := range []string{"/v1/messages", "/", "/debug/pprof/", "/reload", "/v1/models"} {
		status, body := w.get(admin + path)
		assert.Equal(t, 404, status, path)
		assert.Contains(t, body, `"retryable":false`)
	}
	status, body := w.get(admin + "/health")
	assert.Equal(t, 200, status)
	assert.Contains(t, body, `"status":"healthy"`)
	status, body = w.get(admin + "/readyz")
	assert.Equal(t, 200, status)
	assert.Contains(t, body, `"expires_in":3`)

	for name, change := range map[string]func(*http.Request){
		"a foreign Host":    func(r *http.Request) { r.Host = "evil.test" },
		"a web page":        func(r *http.Request) { r.Header.Set("Origin", "http://evil.test") },
		"a cross-site call": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
	} {
		req, err := http.NewRequest(http.MethodGet, admin+"/metrics", nil)
		require.NoError(t, err)
		change(req)
		status, body := w.do(http.DefaultClient, req)
		assert.Contains(t, []int{403, 421}, status, name)
		assert.NotContains(t, body, "awf_cred_requests_total")
	}
	req, err := http.NewRequest(http.MethodPost, admin+"/metrics", nil)
	require.NoError(t, err)
	status, _ = w.do(http.DefaultClient, req)
	assert.Contains(t, []int{404, 405}, status)
}

// The small listeners answer to the names that the others answer to, and their
// errors have the shape of the others.
func TestNamesOfTheAdminListener(t *testing.T) {
	t.Parallel()
	if ln, err := net.Listen("tcp", "127.0.0.5:0"); err != nil {
		t.Skip("one loopback address only: ", err)
	} else {
		require.NoError(t, ln.Close())
	}
	w := newWorld(t).start(func(o *serve.Options) { o.Admin, o.AllowedHosts = "127.0.0.5:0", []string{"proxy.internal"} })
	admin := *w.ready.Admin
	for host, want := range map[string]int{"": 200, "localhost": 200, "proxy.internal:9464": 200, "127.0.0.6": 421, "evil.test": 421} {
		req, err := http.NewRequest(http.MethodGet, admin+"/livez", nil)
		require.NoError(t, err)
		req.Host = host
		status, body := w.do(http.DefaultClient, req)
		assert.Equal(t, want, status, host+": "+body)
	}
	_, body := w.get(admin + "/v1/messages")
	var answer struct {
		Error struct {
			Port      int
			RequestID string `json:"request_id"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	assert.Equal(t, admin[strings.LastIndex(admin, ":")+1:], strconv.Itoa(answer.Error.Port))
	assert.Regexp(t, `^awf_[0-9a-f]{16}$`, answer.Error.RequestID)
}

// Who reads the ready file has another directory.
func TestThePathOfASocketIsWhole(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	w := newWorld(t).start(func(o *serve.Options) { o.Plan.Listeners[0].Listen = "unix:s" })
	at, err := filepath.EvalSymlinks(filepath.Dir(strings.TrimPrefix(w.ready.Listeners[0].Address, "unix:")))
	require.NoError(t, err)
	dir, err = filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	assert.Equal(t, dir, at)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t).start()
	w.awaitReady()
	for range 3 {
		status, body := w.message(w.url())
		require.Equal(t, 200, status, body)
	}
	status, _ := w.message(w.url(), "Origin", "http://evil.test")
	require.Equal(t, 403, status)
	head, err := http.NewRequest(http.MethodHead, w.url()+"/", nil)
	require.NoError(t, err)
	status, _ = w.do(http.DefaultClient, head)
	require.Equal(t, 200, status)
	var text string
	require.Eventually(t, func() bool { // a request counts when it has ended, a moment after its answer
		_, text = w.get(*w.ready.Admin + "/metrics")
		return strings.Contains(text, `code="200"} 3`+"\n") && strings.Contains(text, `code="403"} 1`+"\n")
	}, 10*time.Second, time.Millisecond, "%s", &text)

	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	require.NoError(t, err, text)
	want := map[string]string{
		"awf_cred_credential_expiry_timestamp_seconds": "GAUGE",
		"awf_cred_credential_lifetime_seconds":         "GAUGE",
		"awf_cred_refreshes_total":                     "COUNTER",
		"awf_cred_exchange_duration_seconds":           "HISTOGRAM",
		"awf_cred_requests_total":                      "COUNTER",
		"awf_cred_request_duration_seconds":            "HISTOGRAM",
		"awf_cred_time_to_first_byte_seconds":          "HISTOGRAM",
		"awf_cred_refused_requests_total":              "COUNTER",
		"awf_cred_open_streams":                        "GAUGE",
		"awf_cred_open_connections":                    "GAUGE",
		"go_goroutines":                                "GAUGE",
		"go_memstats_heap_inuse_bytes":                 "GAUGE",
		"process_open_fds":                             "GAUGE",
	}
	for name, kind := range want {
		if families[name] == nil {
			if name == "process_open_fds" {
				continue // where the system tells
			}
			t.Errorf("%s is missing", name)
			continue
		}
		assert.Equal(t, kind, families[name].GetType().String(), name)
	}
	for name := range families {
		assert.Contains(t, want, name, "an unknown metric")
	}
	assert.Contains(t, text, `awf_cred_refreshes_total{profile="p",provider="anthropic",kind="cold",outcome="ok"} 1`)
	assert.Contains(t, text, `awf_cred_requests_total{profile="p",code="200"} 3`+"\n", "HEAD / does not count")
	assert.Contains(t, text, `awf_cred_requests_total{profile="p",code="403"} 1`)
	assert.Contains(t, text, `awf_cred_refused_requests_total{reason="cross-site"} 1`)
	assert.Contains(t, text, `awf_cred_credential_lifetime_seconds{profile="p",provider="anthropic"} 3600`)
	assert.Contains(t, text, "awf_cred_exchange_duration_seconds_count 1\n")
}

func TestAStreamThatIsCutIsSaid(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		drain time.Duration
		class exchange.Cause
	}{
		{"F137: a stream that ends in time is drained", 20 * time.Second, ""},
		{"F137: a stream that is cut is class 7", 50 * time.Millisecond, exchange.Proxy},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.sb = sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.Stream.Events, c.Stream.Interval = 8, 100*time.Millisecond }))
			w.start(func(o *serve.Options) { o.Relay.DrainTimeout = tc.drain })
			w.awaitReady()
			req, err := http.NewRequest(http.MethodPost, w.url()+"/v1/messages", strings.NewReader(strings.Replace(question, "{", `{"stream":true,`, 1)))
			require.NoError(t, err)
			req.Header.Set("Content-Type", "application/json")
			res, err := http.DefaultClient.Do(req)
			require.NoError(t, err)
			defer res.Body.Close()
			body := make(chan string, 1)
			go func() {
				var b strings.Builder
				buf := make([]byte, 4096)
				for {
					n, err := res.Body.Read(buf)
					b.Write(buf[:n])
					if err != nil {
						b.WriteString("|" + err.Error())
						break
					}
				}
				body <- b.String()
			}()
			err = w.end()
			text := <-body
			if tc.class == "" {
				require.NoError(t, err)
				assert.True(t, strings.HasSuffix(text, "|EOF"), "the stream is whole")
				assert.Contains(t, text, "message_stop")
				return
			}
			requireClass(t, err, tc.class)
			assert.False(t, strings.HasSuffix(text, "|EOF"), "the break is visible: "+text)
		})
	}
}

func TestClientKey(t *testing.T) {
	t.Parallel()
	const word = "0123456789abcdefXYZ"
	key, err := proxy.NewKey(secret.New(word))
	require.NoError(t, err)
	w := newWorld(t).start(func(o *serve.Options) { o.Key = key })
	status, _ := w.message(w.url())
	assert.Equal(t, 401, status)
	status, body := w.message(w.url(), "Authorization", "Bearer "+word)
	assert.Equal(t, 200, status, body)
	status, body = w.message(w.url() + "/" + word)
	assert.Equal(t, 200, status, body)
	assert.NotContains(t, w.log.String(), "every process and user")
}

func TestManyProfilesInOneProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plan := w.plan()
	plan.Profiles = append(plan.Profiles, w.profile("q", "1"))
	plan.Listeners = append(plan.Listeners, w.listener("q", "127.0.0.1:0"))
	w.options.Plan = plan
	w.start()
	require.Len(t, w.ready.Listeners, 2)
	for _, l := range w.ready.Listeners {
		status, body := w.message(*l.URL)
		assert.Equal(t, 200, status, body)
	}
	assert.EqualValues(t, 2, w.exchanges.Load())
}

func TestOptionsThatDoNotFit(t *testing.T) {
	t.Parallel()
	err := serve.Run(context.Background(), serve.Options{Plan: serve.Plan{Listeners: []serve.Listener{{Profile: "x", Listen: "127.0.0.1:0"}}}, Admin: "unix:/x"})
	requireUsage(t, err, "hub is required", "clock is required", `profile "x" is not there`, "expected HOST:PORT")
}
