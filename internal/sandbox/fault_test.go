package sandbox_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

const hello = "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"

// raw sends bytes to the Anthropic host and reads until it says no more.
func raw(t *testing.T, sb *sandbox.Sandbox, send string) (string, error) {
	t.Helper()
	conn, err := net.Dial("tcp", sb.Address(sandbox.HostAnthropic))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, send)
	require.NoError(t, err)
	got, err := io.ReadAll(conn)
	return string(got), err
}

func TestWhatAFaultDoesToTheAnswer(t *testing.T) {
	t.Parallel()
	const closing = "GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	tests := []struct {
		name  string
		fault sandbox.Fault
		check func(t *testing.T, got string, err error)
	}{
		{"a status comes with the vendor's error object", sandbox.Status(529), func(t *testing.T, got string, _ error) {
			assert.True(t, strings.HasPrefix(got, "HTTP/1.1 529 "))
			assert.Contains(t, got, `"type":"overloaded_error"`)
		}},
		{"a vendor's code", sandbox.Refusal(400, "special_error"), func(t *testing.T, got string, _ error) {
			assert.Contains(t, got, `"type":"special_error"`)
		}},
		{"a body of its own", sandbox.Fault{Status: 200, Body: "[]"}, func(t *testing.T, got string, _ error) {
			assert.True(t, strings.HasSuffix(got, "\r\n\r\n[]"))
		}},
		{"no body", sandbox.Fault{Status: 500, NoBody: true}, func(t *testing.T, got string, _ error) {
			assert.True(t, strings.HasSuffix(got, "Content-Length: 0\r\nConnection: close\r\n\r\n"))
		}},
		{"headers", sandbox.Fault{Header: http.Header{"Retry-After": {"7"}, "Set-Cookie": {"a", "b"}}}, func(t *testing.T, got string, _ error) {
			assert.Contains(t, got, "\r\nRetry-After: 7\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n")
			assert.Contains(t, got, "HTTP/1.1 200 OK")
		}},
		{"raw bytes", sandbox.Raw("ICY 200\r\n\r\n"), func(t *testing.T, got string, _ error) {
			assert.Equal(t, "ICY 200\r\n\r\n", got)
		}},
		{"bytes after the answer", sandbox.Fault{Status: 200, Body: "ok", Append: "HTTP/1.1 200 OK\r\n"}, func(t *testing.T, got string, _ error) {
			assert.True(t, strings.HasSuffix(got, "\r\n\r\nokHTTP/1.1 200 OK\r\n"))
		}},
		{"a redirect", sandbox.Redirect(307, "https://elsewhere.test/"), func(t *testing.T, got string, _ error) {
			assert.True(t, strings.HasPrefix(got, "HTTP/1.1 307 Temporary Redirect\r\n"))
			assert.Contains(t, got, "\r\nLocation: https://elsewhere.test/\r\n")
		}},
		{"chunks", sandbox.Fault{Status: 200, Body: "hello", Chunked: true}, func(t *testing.T, got string, _ error) {
			assert.True(t, strings.HasSuffix(got, "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))
		}},
		{"informational answers", sandbox.Fault{Informational: 3}, func(t *testing.T, got string, _ error) {
			assert.Equal(t, 3, strings.Count(got, "HTTP/1.1 103 Early Hints\r\n\r\n"))
			assert.Contains(t, got, "HTTP/1.1 200 OK\r\n")
		}},
		{"no Date", sandbox.Fault{NoDate: true}, func(t *testing.T, got string, _ error) { assert.NotContains(t, got, "\r\nDate:") }},
		{"a garbage Date", sandbox.Fault{Date: "soon"}, func(t *testing.T, got string, _ error) { assert.Contains(t, got, "\r\nDate: soon\r\n") }},
		{"a Date a day off", sandbox.Fault{DateOffset: sandbox.Duration(24 * time.Hour)}, func(t *testing.T, got string, _ error) {
			_, rest, _ := strings.Cut(got, "Date: ")
			date, _, _ := strings.Cut(rest, "\r\n")
			at, err := time.Parse(http.TimeFormat, date)
			require.NoError(t, err)
			assert.WithinDuration(t, time.Now().Add(24*time.Hour), at, time.Minute)
		}},
		{"a huge body", sandbox.Fault{Status: 200, BodySize: 1<<20 + 1}, func(t *testing.T, got string, err error) {
			_, chunks, _ := strings.Cut(got, "\r\n\r\n")
			assert.Equal(t, 1<<20+1, strings.Count(chunks, "x"))
			assert.True(t, strings.HasSuffix(chunks, "0\r\n\r\n"))
		}},
		{"drips", sandbox.Fault{Status: 200, Body: "hello", DripBytes: 2, DripEvery: sandbox.Duration(time.Millisecond)}, func(t *testing.T, got string, err error) {
			assert.True(t, strings.HasSuffix(got, "\r\n\r\nhello"))
		}},
		{"cut in the body", sandbox.Fault{Status: 200, Body: "hello", Stage: sandbox.StageBody, At: 2, Close: true}, func(t *testing.T, got string, err error) {
			assert.Contains(t, got, "Content-Length: 5\r\n")
			assert.True(t, strings.HasSuffix(got, "\r\n\r\nhe"))
			assert.NoError(t, err)
		}},
		{"cut in a chunk", sandbox.Fault{Status: 200, Body: "hello", Chunked: true, Stage: sandbox.StageBody, At: 3, Close: true}, func(t *testing.T, got string, err error) {
			assert.True(t, strings.HasSuffix(got, "\r\n\r\n5\r\nhel"))
		}},
		{"cut after the head", sandbox.Fault{Status: 200, Body: "hello", Stage: sandbox.StageHeaders, Close: true}, func(t *testing.T, got string, err error) {
			assert.True(t, strings.HasSuffix(got, "\r\n\r\n"))
		}},
		{"reset in the body", sandbox.Fault{Status: 200, Body: "hello", Stage: sandbox.StageBody, At: 2, Reset: true}, func(t *testing.T, _ string, err error) {
			assert.ErrorIs(t, err, syscall.ECONNRESET)
		}},
		{"reset instead of an answer", sandbox.Reset(sandbox.StageAnswer), func(t *testing.T, got string, err error) {
			assert.Empty(t, got)
			assert.ErrorIs(t, err, syscall.ECONNRESET)
		}},
		{"reset at the head", sandbox.Reset(sandbox.StageHead), func(t *testing.T, got string, err error) {
			assert.Empty(t, got)
			assert.ErrorIs(t, err, syscall.ECONNRESET)
		}},
		{"closed instead of an answer", sandbox.Fault{Close: true}, func(t *testing.T, got string, err error) {
			assert.Empty(t, got)
			assert.NoError(t, err)
		}},
		{"a length longer than the body", sandbox.Fault{Status: 200, Body: "hello", Header: http.Header{"Content-Length": {"50"}}}, func(t *testing.T, got string, err error) {
			assert.Contains(t, got, "Content-Length: 50\r\n")
			assert.True(t, strings.HasSuffix(got, "\r\n\r\nhello"))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			sb := sandbox.Start(t, sandbox.WithFault(sandbox.AnthropicEcho, tt.fault))
			got, err := raw(t, sb, closing)
			tt.check(t, got, err)
			assert.Equal(t, 1, sb.Counts().Faulted)
			after, err := raw(t, sb, closing)
			require.NoError(t, err, "the fault is used up")
			assert.True(t, strings.HasPrefix(after, "HTTP/1.1 200 OK\r\n"), after)
		})
	}
}

func TestAFaultAtAcceptComesBeforeAnyByte(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.WithFault(sandbox.AnthropicToken, sandbox.Reset(sandbox.StageAccept),
		sandbox.Fault{Stage: sandbox.StageAccept, Raw: "HTTP/1.1 200 OK\r\n\r\n"}))
	conn, err := net.Dial("tcp", sb.Address(sandbox.HostAnthropic))
	if err == nil { // else the reset was faster than the dial
		defer conn.Close()
		_, err = conn.Read(make([]byte, 1))
	}
	assert.ErrorIs(t, err, syscall.ECONNRESET)
	second, err := net.Dial("tcp", sb.Address(sandbox.HostAnthropic))
	require.NoError(t, err)
	defer second.Close()
	early, err := io.ReadAll(second)
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 200 OK\r\n\r\n", string(early), "an answer before the request was sent")
}

func TestADripSendsNoMoreThanItsBytes(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.WithFault(sandbox.AnthropicEcho,
		sandbox.Fault{Status: 200, Body: "hello", DripBytes: 2, DripEvery: sandbox.Duration(time.Hour)}))
	conn, err := net.Dial("tcp", sb.Address(sandbox.HostAnthropic))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, hello)
	require.NoError(t, err)
	br := bufio.NewReader(conn)
	res, err := http.ReadResponse(br, nil)
	require.NoError(t, err)
	defer res.Body.Close()
	first := make([]byte, 2)
	_, err = io.ReadFull(res.Body, first)
	require.NoError(t, err)
	require.NoError(t, sb.Close())
	rest, err := io.ReadAll(res.Body)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, "he", string(first)+string(rest))
}

func TestAFloodEndsWithTheClient(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.WithFault(sandbox.AnthropicEcho, sandbox.Fault{Raw: "HTTP/1.1 200 OK\r\n", Repeat: "A: b\r\n", Repeats: 3},
		sandbox.Fault{Raw: "HTTP/1.1 200 OK\r\n", Repeat: "A: b\r\n", Repeats: -1}))
	got, err := raw(t, sb, hello)
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 200 OK\r\nA: b\r\nA: b\r\nA: b\r\n", got)
	conn, err := net.Dial("tcp", sb.Address(sandbox.HostAnthropic))
	require.NoError(t, err)
	_, err = io.WriteString(conn, hello)
	require.NoError(t, err)
	_, err = io.CopyN(io.Discard, conn, 4<<20)
	require.NoError(t, err, "without end")
	conn.Close()
	require.NoError(t, sb.Close(), "and the connection's goroutine ends")
}

func TestRecordsAreBounded(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.With(func(c *sandbox.Config) { c.Records, c.RecordBody = 4, 3 }))
	for range 6 {
		do(t, sb, "POST", sb.URL(sandbox.HostAnthropic)+"/echo", nil, "abcdef")
	}
	r := sb.Requests()
	require.LessOrEqual(t, len(r), 4)
	last := r[len(r)-1]
	assert.Equal(t, "abc", string(last.Body))
	assert.EqualValues(t, 6, last.BodyLen)
	assert.Equal(t, "bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721", last.BodySHA256)
	assert.Equal(t, 6, sb.Counts().Endpoints[sandbox.AnthropicEcho])
}

func TestAHangEndsWithTheSandbox(t *testing.T) {
	t.Parallel()
	for _, stage := range []sandbox.Stage{sandbox.StageAccept, sandbox.StageHead, sandbox.StageRequest, sandbox.StageAnswer, sandbox.StageHeaders, sandbox.StageBody} {
		sb, err := sandbox.Run(context.Background(), sandbox.Config{
			Faults: map[sandbox.Endpoint][]sandbox.Fault{sandbox.AnthropicEcho: {sandbox.Hang(stage)}}})
		require.NoError(t, err)
		conn, err := net.Dial("tcp", sb.Address(sandbox.HostAnthropic))
		require.NoError(t, err)
		_, err = io.WriteString(conn, hello)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		require.NoError(t, sb.Await(ctx, func(c sandbox.Counts) bool { return c.Faulted == 1 }), stage)
		require.NoError(t, sb.Close(), "%s: Close waits for the connection and does not hang", stage)
		_, _ = io.ReadAll(conn)
		conn.Close()
		cancel()
	}
}

func TestADelayEndsWithTheSandbox(t *testing.T) {
	t.Parallel()
	sb, err := sandbox.Run(context.Background(), sandbox.Config{
		Faults: map[sandbox.Endpoint][]sandbox.Fault{sandbox.AnthropicEcho: {sandbox.Delay(time.Hour)}}})
	require.NoError(t, err)
	conn, err := net.Dial("tcp", sb.Address(sandbox.HostAnthropic))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, hello)
	require.NoError(t, err)
	require.NoError(t, sb.Await(t.Context(), func(c sandbox.Counts) bool { return c.Faulted == 1 }))
	require.NoError(t, sb.Close())
}

func TestABarrierReportsArrivalAndHolds(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	gate := sb.Barrier(sandbox.AnthropicToken, 2)
	token := good(sb)
	answers := make(chan int, 2)
	for _, assertion := range []string{token, good(sb)} {
		go func() { answers <- exchange(t, sb, assertion, nil).StatusCode }()
	}
	require.NoError(t, gate.Wait(t.Context(), 2))
	assert.Equal(t, 2, gate.Arrived())
	assert.Equal(t, 2, sb.Counts().Accepted, "consumed while it waits")
	assert.Empty(t, answers)
	gate.Open()
	assert.Equal(t, 200, <-answers)
	assert.Equal(t, 200, <-answers)
}

func TestFaultsInOrderAndByName(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	url := sb.URL(sandbox.HostAnthropic) + "/echo"
	status := func() int { return do(t, sb, "GET", url, nil, "").StatusCode }
	sb.AddFault(sandbox.AnthropicEcho, sandbox.Status(500).N(2), sandbox.Status(429))
	assert.Equal(t, []int{500, 500, 429, 200}, []int{status(), status(), status(), status()})
	sb.AddFault(sandbox.Endpoint(sandbox.HostAnthropic), sandbox.Status(502))
	assert.Equal(t, []int{502, 200}, []int{status(), status()})
	sb.AddFault("*", sandbox.Status(503).Always())
	assert.Equal(t, []int{503, 503}, []int{status(), status()})
	sb.ClearFaults("*")
	assert.Equal(t, 200, status())
	assert.Panics(t, func() { sb.AddFault("anthropic.tokn", sandbox.Status(500)) }, "a misspelt endpoint would never fail")
	assert.Panics(t, func() { sb.AddFault(sandbox.AnthropicEcho, sandbox.Hang("begin")) })
}

func TestMalformedRequestsAreRefusedAndRecorded(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{
		"two lengths":             "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"a length and chunks":     "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"an unknown coding":       "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
		"absolute form":           "GET http://x/echo HTTP/1.1\r\nHost: x\r\n\r\n",
		"a blank in a field name": "GET /echo HTTP/1.1\r\nHost : x\r\n\r\n",
		"no Host":                 "GET /echo HTTP/1.1\r\n\r\n",
		"two Hosts":               "GET /echo HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
		"a folded line":           "GET /echo HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
		"a bare LF":               "GET /echo HTTP/1.1\r\nHost: x\nA: b\r\n\r\n",
		"a NUL in a value":        "GET /echo HTTP/1.1\r\nHost: x\r\nA: b\x00\r\n\r\n",
		"no version":              "GET /echo\r\n\r\n",
	} {
		sb := sandbox.Start(t)
		got, _ := raw(t, sb, head)
		assert.True(t, strings.HasPrefix(got, "HTTP/1.1 400 "), name)
		require.Len(t, sb.Requests(), 1, name)
		assert.NotEmpty(t, sb.Requests()[0].Broken, name)
		assert.Equal(t, 1, sb.Counts().Broken, name)
	}
}

func TestConnectionsAreKeptAndBodiesReadWhole(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	chunked := "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\n"
	length := "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nxyz"
	got, err := raw(t, sb, hello+chunked+length)
	require.NoError(t, err)
	assert.Equal(t, 3, strings.Count(got, "HTTP/1.1 200 OK\r\n"))
	r := sb.Requests()
	require.Len(t, r, 3)
	assert.Equal(t, "abcde", string(r[1].Body))
	assert.Equal(t, "1", r[1].Trailer.Get("X-T"))
	assert.Equal(t, "xyz", string(r[2].Body))
	assert.Equal(t, r[0].Conn, r[2].Conn)
	assert.Equal(t, 1, sb.Counts().Connections[sandbox.HostAnthropic])
	assert.Equal(t, "GET /echo HTTP/1.1\r\nHost: x\r\n", string(r[0].Head))
}

func TestAnInterruptedUploadIsNotAnExchange(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	conn, err := net.Dial("tcp", sb.Address(sandbox.HostAnthropic))
	require.NoError(t, err)
	_, err = io.WriteString(conn, "POST /v1/oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
	require.NoError(t, err)
	conn.Close()
	require.NoError(t, sb.Await(t.Context(), func(c sandbox.Counts) bool { return c.Broken == 1 }))
	assert.Zero(t, sb.Counts().Exchanges)
}

func TestAnUploadIsWelcomedAfter100Continue(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	conn, err := net.Dial("tcp", sb.Address(sandbox.HostAnthropic))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
	require.NoError(t, err)
	br := bufio.NewReader(conn)
	line, err := br.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
	_, err = br.ReadString('\n')
	require.NoError(t, err)
	_, err = io.WriteString(conn, "ok")
	require.NoError(t, err)
	res, err := http.ReadResponse(br, nil)
	require.NoError(t, err)
	res.Body.Close()
	assert.Equal(t, 200, res.StatusCode)
}

func TestAnEarlyAnswerReachesAClientThatStillUploads(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t, sandbox.WithFault(sandbox.AnthropicEcho, sandbox.Fault{Stage: sandbox.StageHead, Status: 413}))
	conn, err := net.Dial("tcp", sb.Address(sandbox.HostAnthropic))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc")
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	assert.Equal(t, 413, res.StatusCode)
	_, err = io.ReadAll(res.Body)
	assert.False(t, errors.Is(err, syscall.ECONNRESET))
}
