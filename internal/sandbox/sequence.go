package sandbox

import (
	"encoding/json"
	"fmt"
)

// streamEvent is one event of a stream before it is framed.
type streamEvent struct {
	kind string
	data any
}

// sequence is what a streamed answer says: some events, one for each word, some
// more.
type sequence struct {
	before []streamEvent
	word   func(string) streamEvent
	after  []streamEvent
}

// frame makes the bytes of an event.
type frame func(streamEvent) ([]byte, error)

// play streams a sequence, flushing each event by itself and pausing before each
// word as the request's shape says.
func (s *Sandbox) play(r *request, q sequence, f frame) func(*stream) error {
	words, shape := s.words(r), s.shape(r)
	return func(w *stream) error {
		send := func(events ...streamEvent) error {
			for _, e := range events {
				b, err := f(e)
				if err != nil {
					return err
				}
				if _, err := w.Write(b); err != nil {
					return err
				}
				if err := w.Flush(); err != nil {
					return err
				}
			}
			return nil
		}
		if err := send(q.before...); err != nil {
			return err
		}
		for _, word := range words {
			if err := s.wait(shape.Interval); err != nil {
				return err
			}
			if err := send(q.word(word)); err != nil {
				return err
			}
		}
		return send(q.after...)
	}
}

// namedEvent is a server-sent event with a name and JSON data.
func namedEvent(e streamEvent) ([]byte, error) {
	b, err := json.Marshal(e.data)
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", e.kind, b), err
}

// dataEvent is a server-sent event with JSON data alone; the kind "done" is
// OpenAI's last line.
func dataEvent(e streamEvent) ([]byte, error) {
	if e.kind == "done" {
		return []byte("data: [DONE]\n\n"), nil
	}
	b, err := json.Marshal(e.data)
	return fmt.Appendf(nil, "data: %s\n\n", b), err
}

// eventStream is an answer of server-sent events.
func (s *Sandbox) eventStream(r *request, q sequence, f frame) *reply {
	p := respond(200, "text/event-stream; charset=utf-8", nil).with("Cache-Control", "no-cache")
	p.stream = s.play(r, q, f)
	return p
}

// messageSequence is the Messages API's order of events.
func messageSequence(model string) sequence {
	typed := func(kind string, more map[string]any) streamEvent {
		data := map[string]any{"type": kind}
		for k, v := range more {
			data[k] = v
		}
		return streamEvent{kind, data}
	}
	start := message(model, "")
	start["content"], start["stop_reason"] = []any{}, nil
	return sequence{
		before: []streamEvent{
			typed("message_start", map[string]any{"message": start}),
			typed("content_block_start", map[string]any{"index": 0, "content_block": map[string]string{"type": "text", "text": ""}}),
			typed("ping", nil),
		},
		word: func(text string) streamEvent {
			return typed("content_block_delta", map[string]any{"index": 0, "delta": map[string]string{"type": "text_delta", "text": text}})
		},
		after: []streamEvent{
			typed("content_block_stop", map[string]any{"index": 0}),
			typed("message_delta", map[string]any{"delta": map[string]any{"stop_reason": "end_turn", "stop_sequence": nil},
				"usage": map[string]int{"output_tokens": 6}}),
			typed("message_stop", nil),
		},
	}
}
