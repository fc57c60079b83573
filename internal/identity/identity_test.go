package identity_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/awf-cred/awf-cred/internal/clock"
	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/internal/identity"
	"github.com/awf-cred/awf-cred/pkg/exchange"
	"github.com/awf-cred/awf-cred/pkg/tokensource"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("IDENTITY_TEST_HELPER_DIR"); dir != "" {
		helper(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// signature is in every token of the tests and must be in no message.
const signature = "c2lnbmF0dXJlLWNhbmFyeS0xMjM0NTY3ODkw"

type claims map[string]any

// jwt is a token with the given claims over those of a good one; nil removes one.
func jwt(over claims) string {
	now := clock.System{}.Now().Unix()
	all := claims{"iss": "https://issuer.example", "sub": "job:1", "aud": "https://api.example", "jti": "j1", "iat": now, "nbf": now - 600, "exp": now + 300}
	for name, value := range over {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	payload, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"RS256","typ":"JWT","kid":"k"}`)) + "." + enc(payload) + "." + signature
}

func source(t *testing.T, o identity.Options) tokensource.Identity {
	t.Helper()
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.GOOS == "" {
		o.GOOS = "linux"
	}
	s, err := identity.New(o)
	require.NoError(t, err)
	return s
}

// refused is the error of class Identity that a source gives, checked for what
// must not be in it.
func refused(t *testing.T, s tokensource.Identity) *exchange.Error {
	t.Helper()
	a, err := s.Assertion(t.Context(), "https://api.example")
	require.Error(t, err)
	require.ErrorIs(t, err, exchange.Identity)
	assert.Zero(t, a)
	var e *exchange.Error
	require.ErrorAs(t, err, &e)
	assert.Zero(t, e.Retries)
	assert.NotContains(t, e.Error()+e.Hint, signature)
	assert.NotContains(t, e.Error(), "\n")
	return e
}

func minutes(n int) int64 { return clock.System{}.Now().Add(time.Duration(n) * time.Minute).Unix() }

// F031 for tokens that others made: the claim and the amount are named.
func TestATokenIsLookedAtBeforeItIsUsed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		token    string
		audience string
		want     []string
		hint     string
	}{
		{"expired", jwt(claims{"exp": minutes(-10)}), "", []string{"exp: the token expired 1", " ago"}, "cannot be renewed"},
		{"not yet valid", jwt(claims{"nbf": minutes(10)}), "", []string{"nbf: the token is not valid for another ", "m"}, "clock"},
		{"without exp", jwt(claims{"exp": nil}), "", []string{"exp: is absent"}, "none"},
		{"exp as text", jwt(claims{"exp": "soon"}), "", []string{"exp: is ", "not a number"}, "none"},
		{"for somebody else, when the audience was set", jwt(nil), "https://other.example", []string{`aud: the token is for "https://api.example", not for "https://other.example"`}, "audience"},
		{"17 KiB", jwt(claims{"pad": strings.Repeat("x", 17<<10)}), "", []string{"token: has ", "16384 allowed"}, "leave out claims"},
		{"no JWT", "hello", "", []string{"token: is not a JWT"}, "another kind of token"},
		{"two parts", "a.b", "", []string{"not a JWT: three parts with dots between them are expected, not 2"}, ""},
		{"bad base64", "!!.!!." + signature, "", []string{"header: is not base64url"}, ""},
		{"two tokens", jwt(nil) + "\n" + jwt(nil), "", []string{"holds more than one line"}, ""},
		{"a byte order mark", "\xef\xbb\xbf" + jwt(nil), "", []string{"byte order mark"}, ""},
		{"nothing", "", "", []string{"is empty"}, "set TOKEN to an identity token"},
		{"blanks", " \r\n\t", "", []string{"is blank"}, "set TOKEN to an identity token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := source(t, identity.Options{Identity: config.Identity{Type: config.Env, EnvName: "TOKEN"}, Env: []string{"TOKEN=" + tt.token}, Audience: tt.audience})
			e := refused(t, s)
			for _, want := range tt.want {
				assert.Contains(t, e.Error(), want)
			}
			assert.Contains(t, e.Error(), "TOKEN")
			if tt.hint == "none" { // a fresh one would be no better
				assert.Empty(t, e.Hint)
				return
			}
			assert.Contains(t, e.Hint, tt.hint)
		})
	}
}

func TestAGoodTokenIsHandedOut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, token, audience string }{
		{"as it is", jwt(nil), ""},
		{"with a line end", jwt(nil) + "\n", ""},
		{"with a line end of Windows", jwt(nil) + "\r\n", ""},
		{"with blanks around", "  " + jwt(nil) + "\t\n", ""},
		{"for the audience that was set", jwt(nil), "https://api.example"},
		{"for several audiences", jwt(claims{"aud": []string{"x", "https://api.example"}}), "https://api.example"},
		{"for somebody else, when nobody said for whom", jwt(claims{"aud": "x"}), ""},
		{"expired within the leeway", jwt(claims{"exp": clock.System{}.Now().Unix() - 30}), ""},
		{"not yet valid within the leeway", jwt(claims{"nbf": clock.System{}.Now().Unix() + 30}), ""},
		{"times with a fraction", jwt(claims{"exp": float64(minutes(5)) + 0.5}), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := source(t, identity.Options{Identity: config.Identity{Type: config.Env, EnvName: "TOKEN"}, Env: []string{"TOKEN=" + tt.token, "TOKEN=second"}, Audience: tt.audience})
			a, err := s.Assertion(t.Context(), "https://api.example")
			require.NoError(t, err)
			assert.Equal(t, strings.TrimSpace(tt.token), a.Token.Reveal())
			assert.Len(t, a.ID, 64)
			assert.Equal(t, "job:1", a.Subject)
			assert.Equal(t, "https://issuer.example", a.Issuer)
			assert.False(t, a.ExpiresAt.IsZero())
			assert.False(t, a.Minted)
		})
	}
}

func TestAnAudienceCountsWhenTheUserSetIt(t *testing.T) {
	t.Parallel()
	p := &config.Profile{Identity: config.Identity{Type: config.Env, EnvName: "TOKEN"}}
	for _, tt := range []struct {
		name    string
		setting config.Setting
		want    string
	}{
		{"not set", config.Setting{Origin: config.Origin{Kind: config.FromDefault}}, ""},
		{"a default", config.Setting{Value: "d", Origin: config.Origin{Kind: config.FromDefault}}, ""},
		{"by variable", config.Setting{Value: "a", Origin: config.Origin{Kind: config.FromEnv}}, "a"},
		{"by file", config.Setting{Value: "a", Origin: config.Origin{Kind: config.FromFile}}, "a"},
		{"by flag", config.Setting{Value: "a", Origin: config.Origin{Kind: config.FromFlag}}, "a"},
	} {
		q := *p
		q.Audience = tt.setting
		o := identity.FromProfile(&q, identity.Options{GOOS: "linux"})
		assert.Equal(t, tt.want, o.Audience, tt.name)
		assert.Equal(t, config.Env, o.Identity.Type)
	}
}

func TestGitHubMintsForEveryCall(t *testing.T) {
	t.Parallel()
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("audience")+" "+r.Header.Get("Authorization")+" "+r.Header.Get("User-Agent"))
		_ = json.NewEncoder(w).Encode(map[string]any{"value": jwt(claims{"aud": r.URL.Query().Get("audience"), "jti": fmt.Sprint(len(asked))})})
	}))
	defer server.Close()
	client := server.Client()
	defer client.CloseIdleConnections()
	o := identity.Options{Identity: config.Identity{Type: config.GitHub}, Doer: client, UserAgent: "agent/1", Env: []string{
		"ACTIONS_ID_TOKEN_REQUEST_URL=" + server.URL + "/?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=request-token"}}
	s := source(t, o)
	first, err := s.Fingerprint(t.Context())
	require.NoError(t, err)
	assert.Empty(t, asked, "a fingerprint mints nothing")
	a, err := s.Assertion(t.Context(), "https://api.example")
	require.NoError(t, err)
	assert.True(t, a.Minted)
	b, err := s.Assertion(t.Context(), "other")
	require.NoError(t, err)
	assert.NotEqual(t, a.ID, b.ID)
	assert.Equal(t, []string{"https://api.example Bearer request-token agent/1", "other Bearer request-token agent/1"}, asked)

	o.Env = []string{o.Env[0], "ACTIONS_ID_TOKEN_REQUEST_TOKEN=another-job"}
	second, err := source(t, o).Fingerprint(t.Context())
	require.NoError(t, err)
	assert.NotEqual(t, first, second, "two jobs never share one")
}

// T16, F020: what GitHub did not give names the permission and forks.
func TestGitHubWithoutItsVariables(t *testing.T) {
	t.Parallel()
	url, token := "ACTIONS_ID_TOKEN_REQUEST_URL=https://x.example/?a=b", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=t"
	for name, env := range map[string][]string{
		"none": nil, "only the URL": {url}, "only the token": {token}, "empty": {url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN="}, "blank": {token, "ACTIONS_ID_TOKEN_REQUEST_URL= "},
	} {
		_, err := identity.New(identity.Options{Identity: config.Identity{Type: config.GitHub}, Env: env, Doer: http.DefaultClient, Clock: clock.System{}})
		require.ErrorIs(t, err, exchange.Identity, name)
		var e *exchange.Error
		require.ErrorAs(t, err, &e)
		assert.Contains(t, e.Hint, "id-token: write", name)
		assert.Contains(t, e.Hint, "fork", name)
	}
}

func TestFingerprintsTellWorkloadsApart(t *testing.T) {
	t.Parallel()
	fingerprint := func(token string) string {
		f, err := source(t, identity.Options{Identity: config.Identity{Type: config.Env, EnvName: "T"}, Env: []string{"T=" + token}}).Fingerprint(t.Context())
		require.NoError(t, err)
		require.Len(t, f, 64)
		return f
	}
	one := fingerprint(jwt(nil))
	assert.Equal(t, one, fingerprint(jwt(claims{"jti": "j2", "exp": minutes(9)})), "another token of the same workload")
	assert.Equal(t, one, fingerprint(jwt(claims{"exp": minutes(-9)})), "an expired token still names the workload")
	seen := map[string]bool{one: true}
	for _, other := range []claims{{"iss": "i"}, {"sub": "s"}, {"aud": "a"}, {"aud": []string{}}, {"aud": []string{"https://api.example", "b"}}, {"iss": "https://issuer.examplejob", "sub": ":1"}} {
		f := fingerprint(jwt(other))
		assert.False(t, seen[f], "%v", other)
		seen[f] = true
	}
	_, err := source(t, identity.Options{Identity: config.Identity{Type: config.Env, EnvName: "T"}}).Fingerprint(t.Context())
	require.ErrorIs(t, err, exchange.Identity)
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := identity.New(identity.Options{Identity: config.Identity{Type: config.Env}})
	require.ErrorIs(t, err, exchange.Internal)
	_, err = identity.New(identity.Options{Clock: clock.System{}})
	require.ErrorIs(t, err, exchange.Internal)
}

func TestAFailureNamesWhereTheChoiceCameFrom(t *testing.T) {
	t.Parallel()
	s := source(t, identity.Options{Identity: config.Identity{Type: config.File, Path: "/nonexistent", Origin: config.Origin{Kind: config.FromEnv, Name: "ACME_IDENTITY_TOKEN_FILE"}}})
	e := refused(t, s)
	assert.Equal(t, "identity file: /nonexistent (env ACME_IDENTITY_TOKEN_FILE) does not exist", e.Error())
	assert.NotEmpty(t, e.Hint)
}

func TestVariablesHaveNoCaseOnWindows(t *testing.T) {
	t.Parallel()
	s := source(t, identity.Options{Identity: config.Identity{Type: config.Env, EnvName: "Token"}, GOOS: "windows", Env: []string{"TOKEN=" + jwt(nil)}})
	_, err := s.Assertion(context.Background(), "")
	require.NoError(t, err)
}
