package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
)

// chat answers OpenAI's chat completions, which several vendors offer; fail
// makes the vendor's error.
func (s *Sandbox) chat(r *request, body map[string]json.RawMessage, fail func(status int, text string) *reply) *reply {
	var model string
	_ = json.Unmarshal(body["model"], &model) // absent where the deployment is in the path
	if body["messages"] == nil {
		return fail(http.StatusBadRequest, "Missing required parameter: 'messages'.")
	}
	id := "chatcmpl-" + randomText(18)
	if string(body["stream"]) != "true" {
		return respondJSON(http.StatusOK, map[string]any{
			"id": id, "object": "chat.completion", "created": s.Now().Unix(), "model": model,
			"choices": []any{map[string]any{"index": 0, "finish_reason": "stop",
				"message": map[string]any{"role": "assistant", "content": strings.Join(s.words(r), ""), "refusal": nil}}},
			"usage": map[string]int{"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18},
		})
	}
	chunk := func(delta map[string]any, finish any) streamEvent {
		return streamEvent{"chunk", map[string]any{
			"id": id, "object": "chat.completion.chunk", "created": s.Now().Unix(), "model": model,
			"choices": []any{map[string]any{"index": 0, "delta": delta, "finish_reason": finish}}}}
	}
	return s.eventStream(r, sequence{
		before: []streamEvent{chunk(map[string]any{"role": "assistant", "content": ""}, nil)},
		word:   func(text string) streamEvent { return chunk(map[string]any{"content": text}, nil) },
		after:  []streamEvent{chunk(map[string]any{}, "stop"), {kind: "done"}},
	}, dataEvent)
}

// responses answers OpenAI's Responses API.
func (s *Sandbox) responses(r *request, body map[string]json.RawMessage, fail func(status int, text string) *reply) *reply {
	var model string
	_ = json.Unmarshal(body["model"], &model) // checked below
	switch {
	case model == "":
		return fail(http.StatusBadRequest, "Missing required parameter: 'model'.")
	case body["input"] == nil:
		return fail(http.StatusBadRequest, "Missing required parameter: 'input'.")
	}
	text := strings.Join(s.words(r), "")
	item := map[string]any{"id": "msg_" + randomText(18), "type": "message", "role": "assistant", "status": "completed",
		"content": []any{map[string]any{"type": "output_text", "text": text, "annotations": []any{}}}}
	whole := func(status string, output ...any) map[string]any {
		return map[string]any{"id": "resp_" + randomText(18), "object": "response", "created_at": s.Now().Unix(), "status": status,
			"model": model, "output": append([]any{}, output...), "error": nil,
			"usage": map[string]any{"input_tokens": 12, "output_tokens": 6, "total_tokens": 18,
				"input_tokens_details": map[string]int{"cached_tokens": 0}, "output_tokens_details": map[string]int{"reasoning_tokens": 0}}}
	}
	if string(body["stream"]) != "true" {
		return respondJSON(http.StatusOK, whole("completed", item))
	}
	number := 0
	typed := func(kind string, data map[string]any) streamEvent {
		data["type"], data["sequence_number"] = kind, number
		number++
		return streamEvent{kind, data}
	}
	part := func(text string) map[string]any {
		return map[string]any{"type": "output_text", "text": text, "annotations": []any{}}
	}
	started := map[string]any{"id": item["id"], "type": "message", "role": "assistant", "status": "in_progress", "content": []any{}}
	at := func(more map[string]any) map[string]any {
		more["item_id"], more["output_index"], more["content_index"] = item["id"], 0, 0
		return more
	}
	return s.eventStream(r, sequence{
		before: []streamEvent{
			typed("response.created", map[string]any{"response": whole("in_progress")}),
			typed("response.output_item.added", map[string]any{"output_index": 0, "item": started}),
			typed("response.content_part.added", at(map[string]any{"part": part("")})),
		},
		word: func(word string) streamEvent {
			return typed("response.output_text.delta", at(map[string]any{"delta": word}))
		},
		after: []streamEvent{
			typed("response.output_text.done", at(map[string]any{"text": text})),
			typed("response.content_part.done", at(map[string]any{"part": part(text)})),
			typed("response.output_item.done", map[string]any{"output_index": 0, "item": item}),
			typed("response.completed", map[string]any{"response": whole("completed", item)}),
		},
	}, namedEvent)
}
