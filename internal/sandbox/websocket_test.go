package sandbox_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/awf-cred/awf-cred/internal/sandbox"
)

// The key and its answer are the example of RFC 6455 section 1.3.
func TestAWebSocketIsATunnelThatEchoes(t *testing.T) {
	t.Parallel()
	sb := sandbox.Start(t)
	bearer := "Authorization: Bearer " + sb.GrantToken("openai", time.Minute) + "\r\n"
	const upgrade = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	dial := func(head string) (net.Conn, *bufio.Reader, *http.Response) {
		conn, err := net.Dial("tcp", sb.Address(sandbox.HostOpenAI))
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		_, err = io.WriteString(conn, "GET /v1/realtime?model=gpt-realtime HTTP/1.1\r\nHost: x\r\n"+head+"\r\n")
		require.NoError(t, err)
		br := bufio.NewReader(conn)
		res, err := http.ReadResponse(br, nil)
		require.NoError(t, err)
		res.Body.Close()
		return conn, br, res
	}
	conn, br, res := dial(bearer + upgrade)
	require.Equal(t, 101, res.StatusCode)
	assert.Equal(t, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", res.Header.Get("Sec-WebSocket-Accept"))
	for _, text := range []string{"\x81\x05hello", "bye"} {
		_, err := io.WriteString(conn, text)
		require.NoError(t, err)
		got := make([]byte, len(text))
		_, err = io.ReadFull(br, got)
		require.NoError(t, err)
		assert.Equal(t, text, string(got))
	}
	_, _, res = dial(upgrade)
	assert.Equal(t, 401, res.StatusCode)
	_, _, res = dial(bearer)
	assert.Equal(t, 426, res.StatusCode)
	_, _, res = dial(bearer + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
	assert.Equal(t, 400, res.StatusCode)
}
