package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/config"
	"github.com/awf-cred/awf-cred/pkg/exchange"
)

// T35, F003, F004: what the file may not hold is named by line and column.
func TestTheFileIsReadStrictly(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"an unknown key at the top", "version: 1\nprofile: {}\n", `:2:1: unknown key "profile" in the file; did you mean profiles?`},
		{"a key in another case", "Version: 1\n", `:1:1: unknown key "Version" in the file; did you mean version?`},
		{"an unknown key in a profile", "profiles:\n  p:\n    provider: acme\n    rule-id: rule_1\n", `:4:5: unknown key "rule-id" in profile "p"; did you mean rule_id?`},
		{"a key of another provider", "profiles:\n  p: {provider: acme, region: north}\n", `:2:23: unknown key "region" in profile "p"`},
		{"an unknown key in an identity", "profiles:\n  p: {identity: {type: file, pth: /x}}\n", `:2:30: unknown key "pth" in identity of profile "p"; did you mean path?`},
		{"an unknown key in serve", "serve: {listener: []}\n", `:1:9: unknown key "listener" in serve; did you mean listeners?`},
		{"a key twice", "version: 1\nprofiles: {}\nversion: 1\n", `:3:1: the file has the key "version" twice, first in line 1`},
		{"a profile twice", "profiles:\n  p: {}\n  p: {}\n", `:3:3: profiles has the key "p" twice, first in line 2`},
		{"a key twice through an anchor", "profiles:\n  &n p: {}\n  *n : {}\n", `:3:3: profiles has the key "p" twice, first in line 2`},
		{"a setting twice", "profiles:\n  p:\n    min_ttl: 1m\n    min_ttl: 2m\n", `:4:5: profile "p" has the key "min_ttl" twice`},
		{"a tab as indentation", "profiles:\n\tp: {}\n", `:2:1: a tab is not allowed`},
		{"a tab after a value", "version: 1\t# x\n", `:1:11: a tab is not allowed`},
		{"a merge key", "profiles:\n  a: &a {provider: acme}\n  b:\n    <<: *a\n", `:4:5: a merge key (<<) is not allowed`},
		{"a second document", "version: 1\n---\nversion: 1\n", `:2:1: a second YAML document begins here`},
		{"a tag", "version: !!int 1\n", `:1:10: a YAML tag (!!int) is not allowed`},
		{"a tag of its own", "profiles: !secret {}\n", `:1:11: a YAML tag (!secret) is not allowed`},
		{"another version", "version: 2\n", `:1:10: version "2" is not known to this release`},
		{"a list for a mapping", "profiles: [a]\n", `:1:11: profiles must be a mapping`},
		{"a text for the whole file", "hello\n", `:1:1: the file must be a mapping`},
		{"a mapping for a value", "profiles:\n  p: {min_ttl: {a: b}}\n", `:2:16: min_ttl must be a single value`},
		{"a list for a value", "default_profile: [a]\n", `:1:18: default_profile must be a single value`},
		{"a mapping in a list", "profiles:\n  p: {provider: zeta, policies: [{}]}\n", `:2:34: policies must be a list of single values`},
		{"a comma in a list", "profiles:\n  p: {provider: zeta, policies: ['a,b', c]}\n", `policies: a value of the list holds a comma`},
		{"a key that is no text", "? [a]\n: b\n", `:1:3: a key of the file must be a short text`},
		{"a profile's name with a slash", "profiles: {a/b: {}}\n", `profile "a/b": a profile is named by letters`},
		{"an empty name", "profiles: {'': {}}\n", `profile "": a profile is named by letters`},
		{"the name of the environment's profile", "profiles: {environment: {}}\n", `the name stands for the profile built from the environment`},
		{"a default profile that does not exist", "default_profile: reviw\nprofiles: {review: {}}\n", `config.yaml:1: default_profile names the profile "reviw", which the file does not have; did you mean review?`},
		{"a default profile that is like none", "default_profile: nope\nprofiles: {review: {}}\n", `write one of: review`},
		{"UTF-16 with a byte order mark", "\xff\xfev\x00e\x00", `:1:1: the file is not UTF-8 text (UTF-16?)`},
		{"UTF-16, big end first", "\xfe\xff\x00v\x00e", `the file is not UTF-8 text (UTF-16?)`},
		{"UTF-16 without a byte order mark", "v\x00e\x00", `the file is not UTF-8 text (UTF-16?)`},
		{"bytes that are no UTF-8", "version: 1\n# \xff\n", `:2:1: the line is not valid UTF-8`},
		{"broken syntax", "profiles:\n  p: {provider: acme\n", `config.yaml: line `},
		{"an anchor that is not there", "version: *x\n", `unknown anchor`},
		{"control characters", "version: \x01\n", `control characters are not allowed`},
		{"a listener without address", "profiles: {p: {}}\nserve: {listeners: [{profile: p}]}\n", `:2:21: a listener of serve has no listen`},
		{"a listener of an unknown profile", "serve:\n  listeners:\n    - {profile: q, listen: '127.0.0.1:1'}\n", `config.yaml:3: a listener names the profile "q"`},
		{"a listener's address", "profiles: {p: {}}\nserve: {listeners: [{profile: p, listen: here}]}\n", `listen: "here" is not HOST:PORT; expected HOST:PORT or unix:PATH`},
		{"a listener's upstream", "profiles: {p: {}}\nserve: {listeners: [{profile: p, listen: 'unix:/x', upstream: 'http://a.example'}]}\n", `upstream: "http://a.example" is plain http`},
		{"a listener's base path", "profiles: {p: {}}\nserve: {listeners: [{profile: p, listen: 'unix:/x', base_path: v1}]}\n", `base_path: "v1" does not begin with /`},
		{"a rule that is none", "profiles: {p: {}}\nserve: {listeners: [{profile: p, listen: 'unix:/x', allow: [post /v1]}]}\n", `allow holds "post /v1", which is no rule`},
		{"the admin's address", "serve: {admin_listen: '127.0.0.1:65536'}\n", `serve.admin_listen: "127.0.0.1:65536" is not HOST:PORT`},
		{"a sink of an unknown kind", "profiles: {p: {}}\nserve: {sinks: [{profile: p, kind: tokn, path: /x}]}\n", `unknown kind of sink "tokn"; did you mean token?`},
		{"a sink without path", "profiles: {p: {}}\nserve: {sinks: [{profile: p, kind: token}]}\n", `a sink of serve has no path`},
		{"listeners that are no list", "serve: {listeners: {}}\n", `serve.listeners must be a list`},
		{"an anchor in its own value", "profiles: &a\n  p: *a\n", `unknown key "p" in profile "p"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(withFile(t, tt.text))
			assert.Contains(t, problemsOf(t, err), tt.want)
		})
	}
}

func TestWhatTheFileMayHold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text string }{
		{"nothing", ""},
		{"a comment", "# nothing yet\n"},
		{"a byte order mark", "\xef\xbb\xbfversion: 1\n"},
		{"only a byte order mark", "\xef\xbb\xbf"},
		{"no version", "profiles: {}\n"},
		{"line ends of Windows", "version: 1\r\nprofiles:\r\n  p:\r\n    provider: acme\r\n"},
		{"plain anchors", "profiles:\n  a: &a {provider: acme, rule_id: &r rule_1}\n  b: *a\n  c: {provider: acme, rule_id: *r}\n"},
		{"a document's marks", "%YAML 1.1\n---\nversion: 1\n...\n"},
		{"JSON", `{"version": 1, "profiles": {"p": {"provider": "acme"}}}`},
		{"names that differ in case only", "profiles:\n  team-a: {provider: acme}\n  Team-A: {provider: zeta}\n  TEAM-A: {provider: acme}\n"},
		{"names with dots", "profiles:\n  a.b: {provider: acme}\n  a: {provider: zeta}\n"},
		{"nulls everywhere", "version:\ndefault_profile: ~\nprofiles:\n  p:\nserve:\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(withFile(t, tt.text))
			require.NoError(t, err)
			_, _, err = config.Resolve(withFile(t, tt.text, acmeEnv()...), "")
			require.NoError(t, err, "the environment suffices")
		})
	}
}

func TestProfilesThatDifferInCaseStayApart(t *testing.T) {
	t.Parallel()
	text := "profiles:\n  team-a: {provider: acme, rule_id: rule_1, organization: org_1, account: acc_1}\n  Team-A: {provider: zeta, role: r, region: south}\n"
	c, err := config.Load(withFile(t, text))
	require.NoError(t, err)
	assert.Equal(t, []string{"team-a", "Team-A"}, c.ProfileNames())
	a, err := c.Select("team-a")
	require.NoError(t, err)
	b, err := c.Select("Team-A")
	require.NoError(t, err)
	assert.Equal(t, "acme", a.Provider)
	assert.Equal(t, "zeta", b.Provider)
	assert.Empty(t, b.Values.Get("rule_id"))
	require.NoError(t, c.Validate())
	_, err = c.Select("TEAM-A")
	assert.Contains(t, problemsOf(t, err), "did you mean")
}

func TestEveryProfileIsValidated(t *testing.T) {
	t.Parallel()
	c, err := config.Load(withFile(t, "default_profile: a\nprofiles:\n  a: {provider: acme, rule_id: rule_1, organization: org_1, account: acc_1}\n  b: {provider: acme, rule_id: bad}\n  c: {provider: zeta, region: north}\n",
		"AWF_AUTH_ZETA_ROLE=r"))
	require.NoError(t, err)
	_, err = c.Select("")
	require.NoError(t, err, "another profile's mistakes do not stop this one")
	text := problemsOf(t, c.Validate())
	assert.Contains(t, text, `rule_id = "bad"`)
	assert.Contains(t, text, "organization is missing in profile b")
	assert.Contains(t, text, "role is missing in profile c")

	c, err = config.Load(inputs(acmeEnv()...))
	require.NoError(t, err)
	require.NoError(t, c.Validate())
	c, err = config.Load(inputs())
	require.NoError(t, err)
	require.Error(t, c.Validate())
}

func TestTheServeSection(t *testing.T) {
	t.Parallel()
	text := twoProfiles + `serve:
  listeners:
    - {profile: review, listen: "127.0.0.1:10001", upstream: "https://api.acme.example", base_path: /v1, allow: [inference, POST /v1/messages]}
    - {profile: Review, listen: "unix:/run/x.sock", allow: "GET /v1/models/*"}
  admin_listen: "[::1]:0"
  sinks: [{profile: review, kind: dotenv, path: /run/x.env}]
`
	in := withFile(t, text)
	c, err := config.Load(in)
	require.NoError(t, err)
	path := strings.TrimPrefix(in.Env[0], "AWF_CRED_CONFIG=")
	at := func(line int) config.Origin { return config.Origin{Kind: config.FromFile, File: path, Line: line} }
	assert.Equal(t, config.ServeSection{
		Listeners: []config.Listener{
			{Profile: "review", Listen: "127.0.0.1:10001", Upstream: "https://api.acme.example", BasePath: "/v1", Allow: []string{"inference", "POST /v1/messages"}, Origin: at(20)},
			{Profile: "Review", Listen: "unix:/run/x.sock", Allow: []string{"GET /v1/models/*"}, Origin: at(21)},
		},
		AdminListen: config.Setting{Name: "admin_listen", Value: "[::1]:0", Origin: at(22)},
		Sinks:       []config.Sink{{Profile: "review", Kind: "dotenv", Path: "/run/x.env", Origin: at(23)}},
	}, c.Serve())
}

// F004: what is no readable file is class 2 at once.
func TestAFileThatIsNoneIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	closed := filepath.Join(dir, "closed.yaml")
	require.NoError(t, os.WriteFile(closed, nil, 0o000))
	huge := filepath.Join(dir, "huge.yaml")
	require.NoError(t, os.WriteFile(huge, nil, 0o600))
	require.NoError(t, os.Truncate(huge, 100<<20))
	for _, tt := range []struct{ name, path, want string }{
		{"missing", filepath.Join(dir, "absent.yaml"), "there is no such file"},
		{"below a file", filepath.Join(huge, "x"), "there is no such file"},
		{"a directory", dir, "it is a directory"},
		{"100 MiB", huge, "it is larger than 256 KiB"},
		{"closed to us", closed, "permission denied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.path == closed {
				if _, err := os.ReadFile(closed); err == nil {
					t.Skip("mode bits do not stop this user")
				}
			}
			for _, in := range []config.Inputs{inputs("AWF_CRED_CONFIG=" + tt.path), withFlag(inputs(), "config", tt.path)} {
				_, err := config.Load(in)
				text := problemsOf(t, err)
				assert.Contains(t, text, tt.want)
				assert.Contains(t, text, tt.path)
			}
		})
	}
}

// T35: no file makes us slow or large. The memory is that of one parse, the
// garbage included.
func TestBombsAreRefusedWithinBounds(t *testing.T) {
	const most = 64 << 20 // bytes
	full := func(piece string) string { return strings.Repeat(piece, (256<<10-200)/len(piece)) }
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 40; i++ {
		fmt.Fprintf(&laughs, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1)
	}
	for name, text := range map[string]string{
		"a billion laughs":           laughs.String(),
		"a billion laughs in a list": "profiles:\n  p: {provider: zeta, policies: &a [x, &b [*a, *a], *b, *b]}\n",
		"deep flow":                  full("["),
		"deep flow mappings":         full("{a: "),
		"deep block":                 full("- "),
		"many items":                 "profiles: [" + full("a,") + "]",
		"many empty items":           full("-\n"),
		"many keys":                  func() string { return "profiles:\n" + full("? x\n") }(),
		"many comments":              full("#\n"),
		"a comment before each key":  full("#x\na: b\n"),
		"one long line":              "version: " + full("1"),
		"one long quoted line":       "version: \"" + full("\\n") + "\"",
		"many anchors":               full("- &a x\n"),
		"many aliases":               "a: &a x\nb: [" + full("*a,") + "]",
		"many documents":             full("---\n"),
		"many blanks":                full(" "),
		"a long key":                 "? " + full("k"),
		"many questions":             full("? "),
		"many tags":                  full("! "),
		"many profiles":              "profiles:\n" + numbered(20_000, "  p%d: {}\n"),
		"many references":            "profiles:\n" + numbered(8_000, "  p%d: {}\n") + "serve:\n  sinks:\n" + numbered(3_000, "  - {profile: q%d, kind: json, path: /x}\n"),
		"many unknown keys":          numbered(20_000, "key%d: x\n"),
		"a long list":                "profiles:\n  p: {provider: zeta, policies: [" + full("a,") + "]}",
		"folded text":                "a: >\n" + full(" x\n"),
	} {
		path := write(t, text)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err := config.Load(inputs("AWF_CRED_CONFIG=" + path))
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		assert.LessOrEqual(t, after.TotalAlloc-before.TotalAlloc, uint64(most), name)
		t.Logf("%-28s %8s %6d KiB", name, took.Round(time.Millisecond), (after.TotalAlloc-before.TotalAlloc)>>10)
		if err != nil {
			require.ErrorIs(t, err, exchange.Usage, name)
		}
		assert.Less(t, len(text), 256<<10, name)
	}
}

func numbered(n int, line string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, line, i)
	}
	return b.String()
}

// F005: cut anywhere, a file is whole or refused.
func TestATruncatedFileNeverPanics(t *testing.T) {
	t.Parallel()
	text := twoProfiles + "serve:\n  listeners:\n    - {profile: review, listen: '127.0.0.1:1', allow: [inference]}\n"
	path := write(t, text)
	for n := range len(text) {
		require.NoError(t, os.Truncate(path, 0))
		require.NoError(t, os.WriteFile(path, []byte(text[:n]), 0o600))
		_, _, err := config.Resolve(inputs("AWF_CRED_CONFIG="+path), "review")
		if err != nil {
			require.ErrorIs(t, err, exchange.Usage)
		}
	}
}
