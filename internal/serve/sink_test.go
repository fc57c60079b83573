//go:build unix

package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/provider"
	"github.com/awf-cred/awf-cred/internal/serve"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/secret"
)

func lookup(t *testing.T, name string) provider.Provider {
	t.Helper()
	v, ok := provider.Lookup(name)
	if !ok {
		t.Skip("the provider is not there: ", name)
	}
	return v
}

func settings(pairs ...string) config.Values {
	v := config.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v[pairs[i]] = config.Setting{Name: pairs[i], Value: pairs[i+1]}
	}
	return v
}

func spec(t *testing.T, kind, of string) serve.SinkSpec {
	t.Helper()
	return serve.SinkSpec{Kind: kind, Path: filepath.Join(t.TempDir(), "f"), Profile: "p", Provider: lookup(t, of), Values: settings(), Now: time.Now}
}

func bearer(token string) exchange.Credential {
	now := time.Now()
	return exchange.Credential{Provider: "anthropic", Kind: exchange.Bearer, Token: secret.New(token), IssuedAt: now, ExpiresAt: now.Add(time.Hour)}
}

func awsCredential() exchange.Credential {
	now := time.Now()
	return exchange.Credential{Provider: "aws", Kind: exchange.AWS, IssuedAt: now, ExpiresAt: now.Add(time.Hour),
		AWS: &exchange.AWSKeys{AccessKeyID: secret.New("ASIASANDBOX"), SecretAccessKey: secret.New("s3cret"), SessionToken: secret.New("session")}}
}

func TestContentOfSinks(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		kind, of string
		values   config.Values
		c        exchange.Credential
		holds    []string
	}{
		{"token", "anthropic", nil, bearer("tok-1"), []string{"tok-1\n"}},
		{"json", "anthropic", nil, bearer("tok-1"), []string{`"token":"tok-1"`, `"profile":"p"`}},
		{"dotenv", "anthropic", nil, bearer("tok-1"), []string{"ANTHROPIC_AUTH_TOKEN=tok-1\n"}},
		{"anthropic-credentials", "anthropic", settings("organization_id", "o"), bearer("tok-1"), []string{`"access_token":"tok-1"`, `"organization_uuid":"o"`}},
		{"aws-credentials", "aws", nil, awsCredential(), []string{"[p]\n", "aws_session_token = session\n"}},
		{"json", "aws", nil, awsCredential(), []string{`"secret_access_key":"s3cret"`}},
	} {
		t.Run(row.kind+" of "+row.of, func(t *testing.T) {
			t.Parallel()
			s := spec(t, row.kind, row.of)
			if row.values != nil {
				s.Values = row.values
			}
			sink, err := serve.NewSink(s)
			require.NoError(t, err)
			require.NoError(t, sink.Check())
			require.NoError(t, sink.Write(t.Context(), row.c))
			data, err := os.ReadFile(s.Path)
			require.NoError(t, err)
			for _, want := range row.holds {
				assert.Contains(t, string(data), want)
			}
			info, err := os.Stat(s.Path)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
			entries, err := os.ReadDir(filepath.Dir(s.Path))
			require.NoError(t, err)
			assert.Len(t, entries, 1, "nothing is left beside it")
		})
	}
}

func TestAGCPFileLeadsToUs(t *testing.T) {
	t.Parallel()
	s := spec(t, "gcp-credentials", "gcp")
	s.Values = settings("workload_identity_provider", "projects/1/locations/global/workloadIdentityPools/p/providers/x", "token_lifetime", "30m", "service_account", "a@b.iam.gserviceaccount.com")
	s.Program = []string{"/usr/bin/awf-cred", "token", "--format", "gcp-executable"}
	sink, err := serve.NewSink(s)
	require.NoError(t, err)
	require.NoError(t, sink.Write(t.Context(), bearer("canary")))
	data, err := os.ReadFile(s.Path)
	require.NoError(t, err)
	assert.NotContains(t, string(data), "canary", "it holds no secret")
	assert.Contains(t, string(data), `"token_lifetime_seconds":1800`)
	assert.Contains(t, string(data), "/usr/bin/awf-cred token --format gcp-executable")
}

func TestAnAWSFileMayHoldOthers(t *testing.T) {
	t.Parallel()
	s := spec(t, "aws-credentials", "aws")
	s.Profile, s.Cleanup = config.EnvironmentProfile, true
	require.NoError(t, os.WriteFile(s.Path, []byte("[default]\nregion = x\n"), 0o600))
	sink, err := serve.NewSink(s)
	require.NoError(t, err)
	require.NoError(t, sink.Write(t.Context(), awsCredential()))
	data, err := os.ReadFile(s.Path)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(data), "[default]\nregion = x\n"))
	assert.Contains(t, string(data), "[awf-cred]\n", "the profile of the environment is called so")
	require.NoError(t, sink.Remove())
	data, err = os.ReadFile(s.Path)
	require.NoError(t, err)
	assert.NotContains(t, string(data), "ASIA")
	assert.Contains(t, string(data), "region = x")
}

// Each reads the file and writes it: without a turn for each, one takes the section
// of another away.
func TestSeveralProfilesInOneAWSFile(t *testing.T) {
	t.Parallel()
	path, shared := filepath.Join(t.TempDir(), "credentials"), new(sync.Mutex)
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	var group sync.WaitGroup
	for _, name := range names {
		s := spec(t, "aws-credentials", "aws")
		s.Path, s.Profile, s.Shared = path, name, shared
		sink, err := serve.NewSink(s)
		require.NoError(t, err)
		group.Go(func() { assert.NoError(t, sink.Write(t.Context(), awsCredential())) })
	}
	group.Wait()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, name := range names {
		assert.Contains(t, string(data), "["+name+"]\n")
	}
}

func TestAnAWSFileThatOthersCanReadIsRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	s := spec(t, "aws-credentials", "aws")
	require.NoError(t, os.WriteFile(s.Path, []byte("[default]\n"), 0o644))
	require.NoError(t, os.Chmod(s.Path, 0o644))
	sink, err := serve.NewSink(s)
	require.NoError(t, err)
	require.ErrorContains(t, sink.Check(), "chmod 600")
	require.NoError(t, os.Chmod(s.Path, 0o600))
	require.NoError(t, sink.Check())
}

func TestSinksThatAStaticKeyCannotFill(t *testing.T) {
	t.Parallel()
	for kind, of := range map[string]string{"identity-token": "openai", "anthropic-credentials": "anthropic", "aws-credentials": "aws", "gcp-credentials": "gcp"} {
		s := spec(t, kind, of)
		s.Static = true
		_, err := serve.NewSink(s)
		require.ErrorIs(t, err, exchange.Usage, kind)
		require.ErrorContains(t, err, "choose token, json or dotenv", kind)
	}
	s := spec(t, "gcp-credentials", "gcp")
	s.Values = settings("service_account", "a@b.iam.gserviceaccount.com", "delegates", "c@b.iam.gserviceaccount.com")
	_, err := serve.NewSink(s)
	require.ErrorContains(t, err, "cannot name delegates")
}

func TestSinksThatDoNotFit(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ kind, of string }{
		{"anthropic-credentials", "aws"}, {"aws-credentials", "anthropic"}, {"gcp-credentials", "anthropic"},
		{"token", "aws"}, {"identity-token", "anthropic"}, {"parchment", "anthropic"},
	} {
		_, err := serve.NewSink(spec(t, row.kind, row.of))
		require.ErrorIs(t, err, exchange.Usage, "%s of %s", row.kind, row.of)
	}
	s := spec(t, "token", "anthropic")
	require.NoError(t, os.Mkdir(s.Path, 0o700))
	sink, err := serve.NewSink(s)
	require.NoError(t, err)
	require.Error(t, sink.Check(), "a directory is in its place")
}

func TestSinksAreKeptFresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock, w.lifetime = fastClock{time.Now(), 100}, time.Minute // renewed every half second or so
	s := spec(t, "token", "anthropic")
	s.Now, s.Cleanup = w.clock.Now, true
	sink, err := serve.NewSink(s)
	require.NoError(t, err)
	w.start(func(o *serve.Options) { o.Sinks = []serve.Sink{sink} })
	content := func() string {
		data, _ := os.ReadFile(s.Path)
		return string(data)
	}
	require.Eventually(t, func() bool { return content() != "" }, 10*time.Second, time.Millisecond)
	first := content()
	require.Eventually(t, func() bool { c := content(); return c != "" && c != first }, 10*time.Second, time.Millisecond)
	require.NoError(t, w.end())
	assert.Empty(t, content(), "it is removed at the end")
}

func TestASinkThatFailsDisturbsNoOtherAndRetries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var tries, good atomic.Int64
	fine := func() error { return nil }
	w.start(func(o *serve.Options) {
		o.Clock = fastClock{time.Now(), 50}
		o.Sinks = []serve.Sink{
			{Profile: "p", Name: "bad", Check: fine, Write: func(context.Context, exchange.Credential) error {
				if tries.Add(1) < 3 {
					return errors.New("no space left")
				}
				return nil
			}},
			{Profile: "p", Name: "good", Check: fine, Write: func(context.Context, exchange.Credential) error { good.Add(1); return nil }},
		}
	})
	require.Eventually(t, func() bool { return tries.Load() == 3 && good.Load() == 1 }, 10*time.Second, time.Millisecond)
	assert.Contains(t, w.log.String(), "sink was not written")
	status, body := w.message(w.url())
	assert.Equal(t, 200, status, body)
}

func TestTheNewestCredentialWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock, w.lifetime = fastClock{time.Now(), 200}, time.Minute // renewed every 200 ms or so; the sink's pause is 1 s
	written := make(chan exchange.Credential, 16)
	w.start(func(o *serve.Options) {
		o.Sinks = []serve.Sink{{Profile: "p", Name: "full", Check: func() error { return nil }, Write: func(_ context.Context, c exchange.Credential) error {
			select {
			case written <- c:
			default:
			}
			return errors.New("no space left")
		}}}
	})
	first, second := <-written, <-written
	assert.False(t, second.Same(first), "what could not be written is forgotten when the next one comes")
}

func TestAnIdentityTokenIsMintedAheadOfItsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fast := fastClock{time.Now(), 200}
	var mints atomic.Int64
	s := spec(t, "identity-token", "anthropic")
	s.Now = fast.Now
	s.Assertion = func(context.Context) (exchange.Assertion, error) {
		if mints.Add(1) == 2 {
			return exchange.Assertion{}, errors.New("mint is down")
		}
		return exchange.Assertion{Token: secret.New(strings.Repeat("a", int(mints.Load())) + ".b.c"), ExpiresAt: fast.Now().Add(5 * time.Minute)}, nil
	}
	sink, err := serve.NewSink(s)
	require.NoError(t, err)
	w.start(func(o *serve.Options) { o.Sinks, o.Clock = []serve.Sink{sink}, fast })
	require.Eventually(t, func() bool {
		data, _ := os.ReadFile(s.Path)
		return string(data) == "aaa.b.c\n"
	}, 10*time.Second, time.Millisecond)
	assert.Contains(t, w.log.String(), "mint is down")
}

func TestOnlySinksNeedNoListener(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := spec(t, "token", "anthropic")
	sink, err := serve.NewSink(s)
	require.NoError(t, err)
	w.start(func(o *serve.Options) { o.Plan.Listeners, o.Sinks = nil, []serve.Sink{sink} })
	require.Eventually(t, func() bool {
		data, _ := os.ReadFile(s.Path)
		return len(data) > 0
	}, 10*time.Second, time.Millisecond)
	assert.Empty(t, w.ready.Listeners)
	data, err := json.Marshal(w.ready)
	require.NoError(t, err)
	assert.Contains(t, string(data), `"listeners":[]`)
	require.NoError(t, w.end())
}
