//go:build unix

package clients

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// talker is a client that holds a conversation over its standard streams.
type talker struct {
	// ask is the line that carries a prompt.
	ask func(prompt string) string
	// answer reads a line of the client; done is false for what is not an answer.
	answer func(line []byte) (text string, done bool, err error)
}

// sdkTalk is how our scripts talk: a JSON string in, a JSON object out.
var sdkTalk = talker{
	ask: func(prompt string) string {
		b, _ := json.Marshal(prompt)
		return string(b)
	},
	answer: func(line []byte) (string, bool, error) {
		var said struct {
			Text   string `json:"text"`
			Pieces int    `json:"pieces"`
			Whole  bool   `json:"whole"`
			Error  string `json:"error"`
		}
		if err := json.Unmarshal(line, &said); err != nil {
			return "", false, err
		}
		if said.Error != "" || !said.Whole && said.Pieces < 2 {
			return said.Text, true, fmt.Errorf("error %q, text %q in %d pieces", said.Error, said.Text, said.Pieces)
		}
		return said.Text, true, nil
	},
}

// claudeTalk is Claude Code's own protocol (`claude --help`, stream-json).
var claudeTalk = talker{
	ask: func(prompt string) string {
		b, _ := json.Marshal(map[string]any{"type": "user", "message": map[string]string{"role": "user", "content": prompt}})
		return string(b)
	},
	answer: func(line []byte) (string, bool, error) {
		var said struct {
			Type    string `json:"type"`
			Subtype string `json:"subtype"`
			IsError bool   `json:"is_error"`
			Result  string `json:"result"`
		}
		if err := json.Unmarshal(line, &said); err != nil || said.Type != "result" {
			return "", false, err
		}
		if said.IsError || said.Subtype != "success" {
			return "", true, fmt.Errorf("%s: %s", said.Subtype, said.Result)
		}
		return said.Result, true, nil
	},
}

// shellTalk is a loop in a shell around a program that answers one prompt: see
// loop. The answer is one line.
var shellTalk = talker{
	ask: func(prompt string) string { return prompt },
	answer: func(line []byte) (string, bool, error) {
		status, text, _ := strings.Cut(string(line), " ")
		if status != "0" {
			return "", true, fmt.Errorf("exit status %s: %s", status, text)
		}
		return text, true, nil
	},
}

// loop runs a command for each line of standard input, which is in $prompt.
func loop(command string) []string {
	return []string{"sh", "-c", `while IFS= read -r prompt; do out=$({ ` + command + `; } </dev/null); echo "$? $out"; done`}
}

// conversation is a talker at work.
type conversation struct {
	t *testing.T
	p *process
	talker
}

// say sends a prompt and returns the answer.
func (c *conversation) say(prompt string) string {
	c.t.Helper()
	_, err := fmt.Fprintln(c.p.in, c.ask(prompt))
	require.NoError(c.t, err, "%s", c.p.err)
	for {
		line, ok := c.p.line()
		require.True(c.t, ok, "the client ended without an answer to %q\n%s", prompt, c.p.err)
		text, done, err := c.answer([]byte(line))
		require.NoError(c.t, err, "answer to %q: %s\n%s", prompt, line, c.p.err)
		if done {
			return text
		}
	}
}

// end closes the client's input; it must end well.
func (c *conversation) end() {
	c.t.Helper()
	c.p.wait().ok(c.t)
}
