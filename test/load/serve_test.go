//go:build linux

package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	dto "github.com/prometheus/client_model/go"
)

// served is a running `awf-cred serve`.
type served struct {
	t       *testing.T
	cmd     *exec.Cmd
	dir     string
	stderr  lockedBuffer
	address string // of its listener
	admin   string
	done    chan struct{}
	err     error // of Wait, once done is closed
}

// lockedBuffer is read while a program writes to it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve starts it with an environment of its own, until the end of the test, and
// returns when it is ready.
func serve(t *testing.T, env []string, flags ...string) *served {
	t.Helper()
	s := &served{t: t, dir: t.TempDir(), done: make(chan struct{})}
	ready := filepath.Join(s.dir, "ready.json")
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--ready-file", ready}, flags...)
	s.cmd = exec.Command(binary, args...)
	s.cmd.Dir = s.dir
	s.cmd.Env = append([]string{"HOME=" + s.dir, "TMPDIR=" + s.dir, "AWF_CRED_CACHE_DIR=" + filepath.Join(s.dir, "cache")}, env...)
	s.cmd.Stderr = &s.stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, s.cmd.Start())
	go func() {
		defer close(s.done)
		s.err = s.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.done
		if t.Failed() {
			text := s.stderr.String()
			t.Log(text[max(0, len(text)-8000):])
		}
	})
	s.await("bound", func() bool { return s.readFile(ready) })
	s.await("ready", func() bool {
		res, err := http.Get(s.admin + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return s
}

func (s *served) readFile(path string) bool {
	var ready struct {
		Listeners []struct{ Address string }
		Admin     string
	}
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &ready) != nil || len(ready.Listeners) != 1 {
		return false
	}
	s.address, s.admin = ready.Listeners[0].Address, ready.Admin
	return true
}

// await polls until something holds; it must within half a minute.
func (s *served) await(what string, holds func() bool) {
	s.t.Helper()
	require.Eventually(s.t, holds, 30*time.Second, 10*time.Millisecond, "it is not %s", what)
}

// end sends SIGTERM.
func (s *served) end() {
	s.t.Helper()
	require.NoError(s.t, s.cmd.Process.Signal(syscall.SIGTERM))
}

// status waits for the end.
func (s *served) status(within time.Duration) int {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(within):
		s.t.Fatalf("it has not ended within %v", within)
	}
	var exit *exec.ExitError
	if errors.As(s.err, &exit) {
		return exit.ExitCode()
	}
	require.NoError(s.t, s.err)
	return 0
}

// figures are the metrics now.
type figures map[string]*dto.MetricFamily

func (s *served) metrics() figures {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.admin+"/metrics", nil)
	require.NoError(s.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	require.NoError(s.t, err)
	return families
}

// by sums a counter or gauge by one label; without a label under "".
func (f figures) by(name, label string) map[string]float64 {
	sums := map[string]float64{}
	family := f[name]
	if family == nil {
		return sums
	}
	for _, m := range family.Metric {
		key := ""
		for _, l := range m.Label {
			if l.GetName() == label {
				key = l.GetValue()
			}
		}
		sums[key] += m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return sums
}

func (f figures) value(name string) float64 { return f.by(name, "")[""] }

// observed is how many values a histogram has seen.
func (f figures) observed(name string) (n uint64) {
	for _, m := range f[name].GetMetric() {
		n += m.GetHistogram().GetSampleCount()
	}
	return n
}

// resident is the memory of the process that is in RAM, bytes.
func (s *served) resident() int {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "status"))
	require.NoError(s.t, err)
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			require.NoError(s.t, err)
			return kib << 10
		}
	}
	s.t.Fatal("no VmRSS")
	return 0
}
