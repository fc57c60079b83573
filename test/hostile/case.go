package hostile

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Role names the listener that a case talks to.
type Role string

// The listeners that a target offers, each over TCP and over a unix socket.
const (
	Plain  Role = "plain"  // anthropic, no client key, --allowed-host proxy.test
	Keyed  Role = "keyed"  // anthropic, with a client key
	Tunnel Role = "tunnel" // openai: a provider that has WebSockets
	Signer Role = "signer" // aws: bodies are buffered and signed
	Narrow Role = "narrow" // anthropic, few requests at once
)

// Roles are all of them.
func Roles() []Role { return []Role{Plain, Keyed, Tunnel, Signer, Narrow} }

// Kind is a verdict on a request; see the package's table of verdicts.
type Kind byte

// The verdicts.
const (
	Refused    Kind = 'R' // refused, nothing upstream, nothing after it is a request, closed within 1 s
	Normalised Kind = 'N' // refused with 400, or exactly one well-formed request with the body of RFC 9112
	Served     Kind = 'S' // the hostile item is stripped, the rest arrives
	Passed     Kind = 'P' // arrives byte for byte
	Answered   Kind = 'E' // answered by serve itself; the connection may live on
)

// Verdict is what a case must get.
type Verdict struct {
	Kind   Kind
	Status []int // the statuses allowed for R and E
}

// String renders the verdict as the tables write it.
func (v Verdict) String() string {
	s := string(v.Kind)
	for i, n := range v.Status {
		if i > 0 {
			s += " or"
		}
		s += " " + strconv.Itoa(n)
	}
	return s
}

func refused(status ...int) Verdict  { return Verdict{Refused, status} }
func answered(status ...int) Verdict { return Verdict{Answered, status} }

var (
	normalised = Verdict{Kind: Normalised}
	served     = Verdict{Kind: Served}
	passed     = Verdict{Kind: Passed}
)

// Try is one connection of a case.
//
// Raw may hold the words {host} (the listener's own HOST:PORT), {port}, {canary}
// (a credential that must never arrive), {key} and {wrongkey} (client keys),
// {upstream} (the upstream's HOST:PORT) and {trap} (a port that nobody may call).
type Try struct {
	Name string
	Raw  string
	// Keep are header lines that must arrive in this order, byte for byte.
	Keep []string
	// Target is what the upstream must see, empty: the request's own.
	Target string
	// Body is what the upstream must decode.
	Body string
	// Leave half-closes the connection after the bytes: the request never ends.
	Leave bool
	// Broken allows that the upstream sees a request that breaks off.
	Broken bool
	// Exactly is set when header lines beyond Keep and ours must not arrive.
	Exactly bool
	// Check looks further at what arrived.
	Check func(Request) error
}

// Case is one row of the tables, or one value of it.
type Case struct {
	ID   string
	Name string
	Role Role
	Want Verdict
	// Tries are made one after the other, each on its own connection.
	Tries []Try
	// Run replaces Tries where one write and one read are not enough.
	Run func(*Session) error
}

// Group is one section of the table with the number of cases that it must have.
type Group struct {
	Name  string
	Count int
	Cases []Case
}

// Total is the number of cases of all groups.
const Total = 512

// Groups returns every case, in the order of the tables.
func Groups() []Group {
	return []Group{
		{"request line", 47, requestLine()},
		{"version, Host, browser", 47, versionAndHost()},
		{"credential headers", 234, credentialHeaders()},
		{"credentials elsewhere", 27, credentialsElsewhere()},
		{"framing and smuggling", 64, framing()},
		{"header syntax and size", 31, headerSyntax()},
		{"connection, upgrade, expect", 27, connections()},
		{"exhaustion", 16, exhaustion()},
		{"client key", 19, clientKey()},
	}
}

// row numbers the cases of a row: H020.1, H020.2, ...; a row of one case is H096.
func row(number int, cases ...Case) []Case {
	for i := range cases {
		cases[i].ID = fmt.Sprintf("H%03d", number)
		if len(cases) > 1 {
			cases[i].ID += "." + strconv.Itoa(i+1)
		}
		if cases[i].Role == "" {
			cases[i].Role = Plain
		}
	}
	return cases
}

// one is a case of a single try.
func one(name string, want Verdict, t Try) Case {
	return Case{Name: name, Want: want, Tries: []Try{t}}
}

// Request lines and header lines that every ordinary request carries, so that a
// case shows whether what surrounds the hostile item arrives.
const (
	before = "X-Before: one; \"two\""
	after  = "x-after:  three\t"
	body   = `{"model":"m","messages":[{"role":"user","content":"hello"}]}`
)

// arrived are before and after as an upstream must see them: blanks around a
// value are not part of it (RFC 9112 section 5.1).
var arrived = []string{before, "x-after: three"}

// post is a POST of the usual body with further header lines between the two
// harmless ones.
func post(target string, lines ...string) string { return request("POST", target, body, lines...) }

// get is a GET without a body.
func get(target string, lines ...string) string { return request("GET", target, "", lines...) }

func request(method, target, payload string, lines ...string) string {
	var b strings.Builder
	b.WriteString(method + " " + target + " HTTP/1.1\r\nHost: {host}\r\n" + before + "\r\n")
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	b.WriteString(after + "\r\n")
	if payload != "" {
		b.WriteString("Content-Length: " + strconv.Itoa(len(payload)) + "\r\n")
	}
	b.WriteString("\r\n" + payload)
	return b.String()
}

// chunked is a POST whose body comes in two chunks, followed by trailer lines.
func chunked(target string, lines, trailers []string) string {
	var b strings.Builder
	b.WriteString("POST " + target + " HTTP/1.1\r\nHost: {host}\r\n" + before + "\r\n")
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	b.WriteString(after + "\r\nTransfer-Encoding: chunked\r\n\r\n")
	b.WriteString(chunks(body[:10], body[10:]) + "0\r\n")
	for _, l := range trailers {
		b.WriteString(l + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

func chunks(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(p), p)
	}
	return b.String()
}

// tail is what the suite sends after every request that must be refused: were it
// taken as a request, the upstream would see it.
const tail = "GET /v1/after-refusal HTTP/1.1\r\nHost: {host}\r\n\r\n"

// fill replaces the words in braces.
func fill(raw string, words map[string]string) []byte {
	out := []byte(raw)
	for word, value := range words {
		out = bytes.ReplaceAll(out, []byte("{"+word+"}"), []byte(value))
	}
	return out
}
