package sandbox

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// suite is the folder of AWS's test suite, or a skip.
func suite(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{os.Getenv("AWF_SIGV4_SUITE"), filepath.Join("..", "..", "..", "shared", "data", "sigv4")} {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "get-vanilla")); err == nil {
			return dir
		}
	}
	t.Skip("AWS's SigV4 test suite is not here; AWF_SIGV4_SUITE names its folder")
	return ""
}

type suiteContext struct {
	Credentials struct {
		AccessKeyID     string `json:"access_key_id"`
		SecretAccessKey string `json:"secret_access_key"`
		Token           string `json:"token"`
	} `json:"credentials"`
	Region           string    `json:"region"`
	Service          string    `json:"service"`
	Timestamp        time.Time `json:"timestamp"`
	Normalize        bool      `json:"normalize"`
	OmitSessionToken bool      `json:"omit_session_token"`
}

// readSuite reads a request of the suite, which is not always valid HTTP: blanks
// and raw UTF-8 in the target, folded lines.
func readSuite(t *testing.T, file string) SignedRequest {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	head, body, _ := strings.Cut(string(b), "\n\n")
	lines := bufio.NewScanner(strings.NewReader(head))
	lines.Buffer(nil, 1<<20)
	lines.Scan()
	method, rest, _ := strings.Cut(lines.Text(), " ")
	r := SignedRequest{Method: method, Target: strings.TrimSuffix(rest, " HTTP/1.1"), Header: http.Header{}, Body: []byte(strings.TrimRight(body, "\n"))}
	last := ""
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), " ") {
			values := r.Header[last]
			values[len(values)-1] += lines.Text()
			continue
		}
		name, value, _ := strings.Cut(lines.Text(), ":")
		last = http.CanonicalHeaderKey(name)
		r.Header[last] = append(r.Header[last], value)
	}
	r.Host = r.Header.Get("Host")
	r.Header.Del("Host")
	return r
}

func TestAWSsOwnSuite(t *testing.T) {
	t.Parallel()
	dir := suite(t)
	cases, err := filepath.Glob(filepath.Join(dir, "*", "context.json"))
	require.NoError(t, err)
	require.Len(t, cases, 38)
	for _, file := range cases {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			var c suiteContext
			b, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(b, &c))
			v := SigV4{Region: c.Region, Service: c.Service, Now: c.Timestamp, Normalize: c.Normalize, Loose: c.OmitSessionToken,
				Secret: func(key string) (string, string, bool) {
					return c.Credentials.SecretAccessKey, c.Credentials.Token, key == c.Credentials.AccessKeyID
				}}
			for _, kind := range []string{"header", "query"} {
				text := func(name string) string {
					b, err := os.ReadFile(filepath.Join(folder, kind+"-"+name+".txt"))
					require.NoError(t, err)
					return string(b)
				}
				r := readSuite(t, filepath.Join(folder, kind+"-signed-request.txt"))
				if kind == "query" && c.OmitSessionToken {
					// The suite adds the token after signing; a service would not take that.
					before, after, _ := strings.Cut(r.Target, "&X-Amz-Security-Token=")
					_, after, _ = strings.Cut(after, "&")
					r.Target = before + "&" + after
				}
				s, no := readSignature(r)
				require.Nil(t, no)
				payload, no := payloadHash(r)
				require.Nil(t, no)
				canonical := v.canonical(r, s, payload)
				assert.Equal(t, text("canonical-request"), canonical, kind)
				assert.Equal(t, text("string-to-sign"), s.stringToSign(canonical), kind)
				assert.Equal(t, text("signature"), s.sign(c.Credentials.SecretAccessKey, canonical), kind)
				assert.NoError(t, v.Verify(r), kind)
				r.Body = append(r.Body, 'x')
				assert.Error(t, v.Verify(r), "%s: another body", kind)
			}
		})
	}
}

// Three vectors for Bedrock's paths, computed with AWS's signer for Go: wire
// escapes are encoded once more.
func TestWirePathsAreEncodedOnceMore(t *testing.T) {
	t.Parallel()
	for path, signature := range map[string]string{
		"/model/anthropic.claude-3-haiku-20240307-v1:0/invoke":                                      "fa929954e9c4ddc8420dc449224ac5000926b11a2591261ab6828c80b7fc245e",
		"/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke":                                    "0e1ab3181f0c103084777b6c068528b6d4ed6043ab93d644b992574a5d52f118",
		"/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.x/converse": "ac22457831ac9ac227f1653d9d57e13471cf4a8ef878b16b3acbb9f89fbb4feb",
	} {
		r := vector(path, signature)
		assert.NoError(t, vectorVerifier().Verify(r), path)
	}
}

func vectorVerifier() SigV4 {
	return SigV4{Region: "us-east-1", Service: "bedrock", Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Normalize: true,
		Secret: func(key string) (string, string, bool) { return "SECRET", "TOK", key == "AKIDEXAMPLE" }}
}

func vector(path, signature string) SignedRequest {
	return SignedRequest{Method: "POST", Target: path, Host: "bedrock-runtime.us-east-1.amazonaws.com", Body: []byte("{}"), Header: http.Header{
		"X-Amz-Date": {"20260102T030405Z"}, "X-Amz-Security-Token": {"TOK"},
		"X-Amz-Content-Sha256": {"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
		"Authorization": {"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/bedrock/aws4_request, " +
			"SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature=" + signature},
	}}
}

func TestASignatureIsRefused(t *testing.T) {
	t.Parallel()
	const path, sig = "/model/anthropic.claude-3-haiku-20240307-v1:0/invoke", "fa929954e9c4ddc8420dc449224ac5000926b11a2591261ab6828c80b7fc245e"
	change := func(h http.Header, old, with string) {
		h.Set("Authorization", strings.Replace(h.Get("Authorization"), old, with, 1))
	}
	for name, do := range map[string]func(*SignedRequest, *SigV4){
		"another method":                  func(r *SignedRequest, _ *SigV4) { r.Method = "PUT" },
		"another path":                    func(r *SignedRequest, _ *SigV4) { r.Target += "x" },
		"the same path escaped":           func(r *SignedRequest, _ *SigV4) { r.Target = strings.Replace(path, ":", "%3A", 1) },
		"a query":                         func(r *SignedRequest, _ *SigV4) { r.Target += "?a=b" },
		"another host":                    func(r *SignedRequest, _ *SigV4) { r.Host = "evil.test" },
		"another body":                    func(r *SignedRequest, _ *SigV4) { r.Body = []byte("[]") },
		"an unsigned payload":             func(r *SignedRequest, _ *SigV4) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") },
		"another session token":           func(r *SignedRequest, _ *SigV4) { r.Header.Set("X-Amz-Security-Token", "TOK2") },
		"no session token":                func(r *SignedRequest, _ *SigV4) { r.Header.Del("X-Amz-Security-Token") },
		"an x-amz header unsigned":        func(r *SignedRequest, _ *SigV4) { r.Header.Set("X-Amz-Other", "1") },
		"a date twice":                    func(r *SignedRequest, _ *SigV4) { r.Header.Add("X-Amz-Date", "20260102T030405Z") },
		"another service":                 func(r *SignedRequest, _ *SigV4) { change(r.Header, "/bedrock/", "/bedrock-runtime/") },
		"another region":                  func(r *SignedRequest, _ *SigV4) { change(r.Header, "us-east-1", "us-west-2") },
		"another day in the scope":        func(r *SignedRequest, _ *SigV4) { change(r.Header, "/20260102/", "/20260103/") },
		"an unknown key":                  func(r *SignedRequest, _ *SigV4) { change(r.Header, "AKIDEXAMPLE", "AKIDOTHER") },
		"host not signed":                 func(r *SignedRequest, _ *SigV4) { change(r.Header, "host;", "") },
		"a header less":                   func(r *SignedRequest, _ *SigV4) { change(r.Header, ";x-amz-date", "") },
		"another digit":                   func(r *SignedRequest, _ *SigV4) { change(r.Header, "=fa92", "=fa93") },
		"another algorithm":               func(r *SignedRequest, _ *SigV4) { change(r.Header, "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1") },
		"no Authorization":                func(r *SignedRequest, _ *SigV4) { r.Header.Del("Authorization") },
		"two Authorizations":              func(r *SignedRequest, _ *SigV4) { r.Header.Add("Authorization", "Bearer x") },
		"five minutes and a second later": func(_ *SignedRequest, v *SigV4) { v.Now = v.Now.Add(5*time.Minute + time.Second) },
		"five minutes and a second early": func(_ *SignedRequest, v *SigV4) { v.Now = v.Now.Add(-5*time.Minute - time.Second) },
	} {
		r, v := vector(path, sig), vectorVerifier()
		require.NoError(t, v.Verify(r))
		do(&r, &v)
		assert.Error(t, v.Verify(r), name)
	}
	r, v := vector(path, sig), vectorVerifier()
	v.Now = v.Now.Add(5 * time.Minute)
	assert.NoError(t, v.Verify(r), "five minutes are tolerated")
}

// The canonical forms are fixed points, and the query's pairs are in order.
func FuzzCanonicalForms(f *testing.F) {
	for _, seed := range []string{"/a/../b//c?x=1&a=%2B+&a", "/model/arn%3Aaws%2Fx/invoke", "/?%zz=%E1%88%B4", "//./..", "/a b?=&&="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		path, query, _ := strings.Cut(target, "?")
		if once := normalize(path); normalize(once) != once || !strings.HasPrefix(once, "/") {
			t.Fatalf("normalize(%q) = %q", path, once)
		}
		once := canonicalQuery(query)
		if twice := canonicalQuery(once); twice != once {
			t.Fatalf("canonicalQuery(%q) = %q, then %q", query, once, twice)
		}
		if percentDecode(uriEncode(path, false)) != path {
			t.Fatalf("%q does not survive its escapes", path)
		}
	})
}

func TestAPlusInAQueryIsAPlus(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "a=1%2B2&b=x%20y&b=x%2By&c=", canonicalQuery("c&b=x+y&b=x%20y&a=1%2B2"))
}
