package load

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// turn is one request of the recorded conversation, as Claude Code sends them: it
// begins with HEAD, streams every message, and sends the whole conversation again
// with each turn, so that bodies grow. The texts are left out.
type turn struct {
	Method   string            `json:"method"`
	Path     string            `json:"path"`
	Header   map[string]string `json:"header"`
	Body     int               `json:"body"`     // bytes
	Events   int               `json:"events"`   // of the answer; 0: not streamed
	Interval int               `json:"interval"` // between them, milliseconds
	Think    int               `json:"think"`    // before the request, milliseconds
}

func conversation(t *testing.T) (turns []turn) {
	t.Helper()
	data, err := os.ReadFile("testdata/conversation.jsonl")
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		var one turn
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&one))
		turns = append(turns, one)
	}
	require.NotEmpty(t, turns)
	return turns
}

// body is a message of exactly that many bytes.
func (o turn) body(bytes int) []byte {
	if bytes == 0 {
		return nil
	}
	stream := ""
	if o.Events > 0 {
		stream = `"stream":true,`
	}
	head := `{"model":"claude-sonnet-4-5","max_tokens":32000,` + stream + `"messages":[{"role":"user","content":"`
	const tail = `"}]}`
	return []byte(head + strings.Repeat("x", max(0, bytes-len(head)-len(tail))) + tail)
}

// pause is a turn's time to think, shortened in the short form.
func (o turn) pause() time.Duration {
	return time.Duration(o.Think) * time.Millisecond / time.Duration(pick(1, 20))
}
